//! What a job survives: kills, a full disk, files that vanish, interruptions, closed pipes. What is resumed has the bytes of a job
//! that nothing stopped.

use super::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::process::Child;
use std::time::{Duration, Instant};

/// A job of 40 parts, with faults to be put aside here and there.
const PARTS: usize = 40;

fn input(room: &Room) -> String {
    let text = jsonl(&texts(40 * PARTS));
    let lines: Vec<&str> = text.lines().collect();
    let line = |(n, line): (usize, &&str)| if n % 97 == 5 { "{\n".to_string() } else { format!("{line}\n") };
    room.file("in.jsonl.gz", packed(lines.iter().enumerate().map(line).collect::<String>().as_bytes(), "gz"))
}

fn args(input: &str) -> Vec<&str> {
    vec!["--input", input, "--rows-per-part", "40", "--on-error", "quarantine", "--resume", "--threads", "2"]
}

/// The bytes of a job that nothing stopped.
fn whole(room: &Room, args: &[&str]) -> BTreeMap<String, Vec<u8>> {
    room.run("tag", "whole", args).good();
    bytes(&room.path("whole"))
}

/// Waits until `output` has so many parts, or the child has ended: whether it runs.
fn wait_for(child: &mut Child, output: &Path, count: usize) -> bool {
    let begun = Instant::now();
    while !output.exists() || parts(output).len() < count {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        assert!(begun.elapsed() < Duration::from_secs(100), "{count} parts do not come");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.try_wait().unwrap().is_none()
}

/// That nothing unfinished is left in a folder.
fn tidy(folder: &Path) {
    let left: Vec<_> =
        sorted(folder).into_iter().filter(|path| path.to_string_lossy().contains("unfinished")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_job_that_was_killed_ten_times_gives_the_same_bytes() {
    let room = Room::new();
    let input = input(&room);
    let whole = whole(&room, &args(&input));
    let seed = rand::random();
    println!("seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut kills, mut round, mut midway) = (0, 0, 0);
    while kills < 10 {
        round += 1;
        let output = format!("killed{round}");
        let path = room.path(&output);
        loop {
            let done = if path.exists() { parts(&path).len() } else { 0 };
            let wanted = rng.random_range(done..=(done + PARTS / 8).min(PARTS));
            let pause = Duration::from_micros(rng.random_range(0..20_000));
            let mut child = room.command("tag", &output, &args(&input)).stderr(Stdio::piped()).spawn().unwrap();
            if kills < 10 && wait_for(&mut child, &path, wanted) {
                std::thread::sleep(pause);
                child.kill().unwrap();
            }
            let code = child.wait_with_output().unwrap();
            if code.status.success() {
                break;
            }
            let stderr = String::from_utf8_lossy(&code.stderr);
            assert_eq!(code.status.code(), None, "not killed, but failed: {stderr}");
            kills += 1;
            midway += usize::from(path.exists() && (1..PARTS).contains(&parts(&path).len()));
        }
        assert!(bytes(&path) == whole, "seed {seed}, round {round}: other bytes after {kills} kills");
        tidy(&path);
    }
    println!("{kills} kills in {round} jobs, {midway} with some of the parts");
    assert!(midway > 0, "seed {seed}: no kill fell into the midst of a job");
}

/// `command` under strace, which lets the `when`-th call of a thread be killed, or fail; nothing where there is no strace.
#[cfg(target_os = "linux")]
fn injected(command: &Command, call: &str, what: &str, when: usize) -> Option<Output> {
    if !Command::new("strace").args(["-qq", "-e", "trace=none", "true"]).status().is_ok_and(|status| status.success()) {
        println!("NOT RUN: there is no strace here, or it may not trace");
        return None;
    }
    let mut traced = Command::new("strace");
    traced.args(["-qq", "-f", "-o", "/dev/null", "-e", &format!("trace={call}")]);
    traced.args(["-e", &format!("inject={call}:{what}:when={when}")]);
    Some(finished(traced.arg(command.get_program()).args(command.get_args())))
}

#[cfg(target_os = "linux")]
#[test]
fn a_kill_at_any_step_of_a_part_loses_and_repeats_nothing() {
    let room = Room::new();
    let input = input(&room);
    let whole = whole(&room, &args(&input));
    // The names, what makes them last, and what is between.
    let steps =
        ["rename", "fsync", "fdatasync", "write"].into_iter().flat_map(|call| [(call, 1), (call, 4), (call, 9)]);
    for (call, when) in steps {
        let output = format!("{call}{when}");
        let Some(run) = injected(&room.command("tag", &output, &args(&input)), call, "signal=KILL", when) else {
            return;
        };
        assert_eq!(run.code, -1, "{call} {when} did not kill it: {run:?}");
        room.run("tag", &output, &args(&input)).good();
        assert!(bytes(&room.path(&output)) == whole, "{call} {when}");
        tidy(&room.path(&output));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_call_that_fails_ends_a_job_cleanly() {
    let room = Room::new();
    let input = input(&room);
    let whole = whole(&room, &args(&input));
    for (call, what, when, says) in [
        ("rename", "error=ENOSPC", 1, "No space left on device"),
        ("rename", "error=EACCES", 6, "Permission denied"),
        ("fsync", "error=EIO", 7, "Input/output error"),
        ("fdatasync", "error=ENOSPC", 3, "No space left on device"),
    ] {
        let output = format!("{call}{when}");
        let Some(run) = injected(&room.command("tag", &output, &args(&input)), call, what, when) else { return };
        run.refused(&[says, "see to room", "--resume", &output]);
        tidy(&room.path(&output));
        room.run("tag", &output, &args(&input)).good();
        assert!(bytes(&room.path(&output)) == whole, "{call} {when}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_a_job_cleanly() {
    let room = Room::new();
    let input = input(&room);
    for (to, blocks) in [("parquet", 8), ("jsonl", 20)] {
        let args = [&args(&input)[..], &["--to", to]].concat();
        let output = format!("out-{to}");
        let command = room.command("tag", &output, &args);
        // A file may have so many KiB: every write beyond fails.
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let mut limited = Command::new("bash");
        limited.args(["-c", &script]).arg(command.get_program()).args(command.get_args());
        let run = finished(&mut limited);
        run.refused(&["File too large", "see to room", "--resume", &output]);
        tidy(&room.path(&output));
        room.run("tag", &output, &args).good();
        room.run("tag", &format!("whole-{to}"), &args).good();
        assert!(bytes(&room.path(&output)) == bytes(&room.path(&format!("whole-{to}"))));
    }
}

#[test]
fn a_file_that_vanishes_ends_a_job_cleanly() {
    let room = Room::new();
    let first = room.file("a.txt", texts(9000).join("\n"));
    let content = texts(300).join("\n");
    let second = room.file("b.txt", &content);
    let args = ["--input", &first, "--input", &second, "--rows-per-part", "500", "--resume", "--threads", "1"];
    let mut child = room.command("tag", "out", &args).stderr(Stdio::piped()).spawn().unwrap();
    assert!(wait_for(&mut child, &room.path("out"), 1));
    fs::remove_file(&second).unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("b.txt") && stderr.contains("check the path"), "{stderr}");
    tidy(&room.path("out"));
    // All parts that the first file filled are kept.
    assert_eq!(parts(&room.path("out")).len(), 18);
    room.file("b.txt", &content);
    room.run("tag", "out", &args).good();
    room.run("tag", "whole", &args).good();
    assert!(bytes(&room.path("out")) == bytes(&room.path("whole")));
}

#[test]
fn a_file_that_changes_ends_a_job_cleanly() {
    let room = Room::new();
    let first = room.file("a.txt", texts(6000).join("\n"));
    let args = ["--input", &first, "--rows-per-part", "500", "--threads", "1"];
    let mut child = room.command("tag", "out", &args).stderr(Stdio::piped()).spawn().unwrap();
    assert!(wait_for(&mut child, &room.path("out"), 1));
    fs::OpenOptions::new().append(true).open(&first).unwrap().write_all(b"\nmore").unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("a.txt") && stderr.contains("has changed since the job began"), "{stderr}");
    assert!(!room.path("out/_SUCCESS").exists());
}

#[cfg(unix)]
#[test]
fn an_interruption_keeps_what_is_finished() {
    let room = Room::new();
    let input = input(&room);
    let whole = whole(&room, &args(&input));
    for signal in ["INT", "TERM"] {
        let output = format!("out{signal}");
        let mut command = room.command("tag", &output, &args(&input));
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        assert!(wait_for(&mut child, &room.path(&output), 2));
        let kill = Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().unwrap();
        assert!(kill.success());
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(130), "{}", String::from_utf8_lossy(&ended.stderr));
        tidy(&room.path(&output));
        let count = parts(&room.path(&output)).len();
        assert!((2..PARTS).contains(&count), "{count}");
        room.run("tag", &output, &args(&input)).good();
        assert!(bytes(&room.path(&output)) == whole, "{signal}");
    }
}

#[test]
fn a_reader_that_went_away_does_not_end_a_job() {
    let room = Room::new();
    let input = input(&room);
    // Not quiet: the notes have nobody to read them.
    let command = room.command("tag", "out", &args(&input));
    let mut loud = Command::new(command.get_program());
    loud.args(command.get_args().filter(|arg| *arg != "-q"));
    let mut child = loud.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(room.path("out/_SUCCESS").exists());
}

#[test]
fn notes_say_what_came_of_it_and_how_to_go_on() {
    let room = Room::new();
    let input = input(&room);
    let loud = |more: &[&str]| {
        let command = room.command("tag", "out", more);
        let mut loud = Command::new(command.get_program());
        finished(loud.args(command.get_args().filter(|arg| *arg != "-q")))
    };
    let run = loud(&["--input", &input, "--rows-per-part", "40"]);
    run.refused(&["row 6, line 6", "note: ", "keeps the parts that are finished", "--resume"]);
    let run = loud(&args(&input)).good();
    assert!(run.stderr.contains("1600 records in 40 parts, 17 of them in"), "{}", run.stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn two_processes_do_not_share_a_job() {
    let room = Room::new();
    let input = input(&room);
    let mut child = room.command("tag", "out", &args(&input)).stderr(Stdio::piped()).spawn().unwrap();
    assert!(wait_for(&mut child, &room.path("out"), 1));
    room.run("tag", "out", &args(&input)).refused(&["another process works on this job"]);
    assert!(child.wait().unwrap().success());
}
