//! Pipes: promptness, order, closed ends, interruption.

use super::*;
use std::io::{BufRead, BufReader, Read};
use std::process::Child;
use std::sync::mpsc::channel;
use std::time::Duration;

fn spawn(args: &[&str]) -> Child {
    mtl().args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn each_line_of_tokens_is_answered_before_the_next_is_written() {
    let model = bundle();
    let mut child = spawn(&["tag", "-m", path(&model), "-l", "da", "-i", "tokens", "-o", "jsonl"]);
    let mut stdin = child.stdin.take().unwrap();
    let (sender, answers) = channel();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || {
        let mut line = String::new();
        while stdout.read_line(&mut line).unwrap() > 0 {
            sender.send(std::mem::take(&mut line)).unwrap();
        }
    });
    for number in 1..=3 {
        writeln!(stdin, "Anna nr. {number}").unwrap();
        stdin.flush().unwrap();
        let answer = answers.recv_timeout(Duration::from_secs(20)).expect("an answer while the pipe is open");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["line"], number);
    }
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_paragraph_is_answered_when_it_ends() {
    let model = bundle();
    let mut child = spawn(&["tag", "-m", path(&model), "-l", "da", "-o", "jsonl"]);
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdin.write_all(b"Anna bor\nher.\n\n").unwrap();
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["tokens"].as_array().unwrap().len(), 4);
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_closed_pipe_is_no_fault() {
    let model = bundle();
    for output in ["pretty", "conll", "jsonl", "html"] {
        let mut child = spawn(&["tag", "-q", "-m", path(&model), "-l", "da", "-i", "tokens", "-o", output]);
        let mut stdin = child.stdin.take().unwrap();
        let writer = std::thread::spawn(move || {
            // Far more than all buffers hold; ends when the command does.
            for _ in 0..200_000 {
                if stdin.write_all(b"Anna Berg bor i Odense .\n").is_err() {
                    break;
                }
            }
        });
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut String::new()).unwrap();
        drop(stdout);
        assert_eq!(child.wait().unwrap().code(), Some(0), "{output}");
        writer.join().unwrap();
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!(stderr, "", "{output}");
    }
}

#[test]
fn order_and_results_do_not_depend_on_the_company() {
    let model = bundle();
    let mut rng = <rand_chacha::ChaCha8Rng as rand::SeedableRng>::seed_from_u64(7);
    let lines: Vec<String> = (0..400)
        .map(|index| {
            let words = (0..index % 23 + 1).map(|_| common::random_word(&mut rng)).collect::<Vec<_>>();
            words.join(" ") + "\n"
        })
        .collect();
    let args = ["tag", "-m", path(&model), "-l", "da", "-i", "tokens", "-o", "conll", "--scores"];
    let together = run(&args, lines.concat().as_bytes()).good();
    let sentences: Vec<&str> = together.split_terminator("\n\n").collect();
    assert_eq!(sentences.len(), lines.len());
    for index in [0, 22, 101, 399] {
        let alone = run(&args, lines[index].as_bytes()).good();
        assert_eq!(alone.trim_end(), sentences[index], "seed 7, line {index}");
    }
}

#[cfg(unix)]
#[test]
fn an_interruption_ends_whole_with_its_own_code() {
    let model = bundle();
    let mut child = spawn(&["tag", "-m", path(&model), "-l", "da", "-i", "tokens", "-o", "html"]);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"Anna bor her .\n").unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut page = String::new();
    while !page.contains("Anna") {
        assert!(stdout.read_line(&mut page).unwrap() > 0, "{page}");
    }
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    stdout.read_to_string(&mut page).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(page.ends_with("</html>\n"), "{page}");
    drop(stdin);
}
