//! Everything that is refused: a clear error, exit code 2, and nothing lost.

use super::*;
use common::scorer::random_scorer;

#[test]
fn a_file_that_does_not_exist_does_not_keep_the_others_from_being_tagged() {
    let (model, folder) = (bundle(), tempfile::tempdir().unwrap());
    let good = file(&folder, "good.txt", "Anna bor her.\n");
    let missing = folder.path().join("missing.txt").to_str().unwrap().to_string();
    let output = run(&["tag", "-m", path(&model), "-l", "da", "-o", "jsonl", &good, &missing, &good], b"");
    output.refused(&["missing.txt", "check the path"]);
    assert_eq!(output.stdout.lines().count(), 2);
    run(&["tag", "-m", path(&model), "-l", "da", path(&folder)], b"").refused(&["is a directory", "pass its files"]);
    run(&["eval", "-m", path(&model), "-t", "ner", "-l", "da", "-d", &missing], b"").refused(&["missing.txt"]);
}

#[test]
fn invalid_utf8_is_named_by_line_and_byte() {
    let (model, folder) = (bundle(), tempfile::tempdir().unwrap());
    let bad = b"Anna bor her .\nKim b\xFFr der .\nEn mere .\n";
    let bad = file(&folder, "bad.txt", bad);
    let output = run(&["tag", "-m", path(&model), "-l", "da", "-i", "tokens", "-o", "jsonl", &bad], b"");
    output.refused(&["bad.txt", "line 2, byte 6", "invalid UTF-8"]);
    assert_eq!(output.stdout.lines().count(), 1, "the sentence before it is written");
    let text = run(&["tag", "-m", path(&model), "-l", "da", &bad], b"");
    text.refused(&["line 2, byte 6"]);
    assert!(text.stdout.contains("Anna"));
}

#[test]
fn too_few_columns_are_named_by_line() {
    let (model, folder) = (bundle(), tempfile::tempdir().unwrap());
    let bad = file(&folder, "bad.conll", "Anna\tB-PER\nbor\n");
    let args = ["tag", "-m", path(&model), "-l", "da", "-i", "conll", "--token-column", "1", &bad];
    run(&args, b"").refused(&["bad.conll", "line 2"]);
    let args = ["eval", "-m", path(&model), "-t", "ner", "-l", "da", "--label-column", "1", "-d", &bad];
    run(&args, b"").refused(&["bad.conll", "line 2"]);
    let bad = file(&folder, "bad.conllu", "1\n");
    run(&["tag", "-m", path(&model), "-l", "da", "-i", "conllu", &bad], b"").refused(&["bad.conllu", "line 1"]);
}

#[test]
fn unknown_names_list_the_known_ones() {
    let model = bundle();
    let tag = |args: &[&str]| run(&[&["tag", "-m", path(&model)], args].concat(), b"Anna bor her.");
    tag(&["-l", "xx"]).refused(&["no language \"xx\"", "da, en, ru"]);
    tag(&["-t", "chunk"]).refused(&["no task \"chunk\"", "ner, upos"]);
    tag(&["-l", "xx", "-t", "ner"]).refused(&["no language \"xx\"", "da, en, ru"]);
    tag(&["-l", "ru", "-t", "ner"]).refused(&["ner", "not trained on \"ru\"", "da, en", "zero-shot"]);
    tag(&["-l", "da", "--zero-shot"]).refused(&["--task"]);
    tag(&["--engine", "abacus"]).refused(&["abacus", "native, onnx"]);
    tag(&["--kernel", "sse9"]).refused(&["sse9", "generic, avx2"]);
    let foreign = if cfg!(target_arch = "x86_64") { "neon" } else { "avx512" };
    tag(&["--kernel", foreign]).refused(&[foreign, "this processor lacks", "use generic"]);
    tag(&["--kernel", "generic", "--engine", "onnx"]).refused(&["kernel generic", "native engine", "fused"]);
    tag(&["--graph", "bar"]).refused(&["bar", "portable, fused"]);
    tag(&["--graph", "fused"]).refused(&["the fused graph is for ONNX Runtime", "engine `onnx`"]);
    // No machine has so many GPUs.
    let words = if cfg!(feature = "cuda") { "CUDA driver" } else { "with the feature `cuda`" };
    tag(&["--engine", "cuda", "--gpu-device", "65535"]).refused(&[words, "use"]);
    tag(&["--engine", "cuda", "--prefer", "cuda"]).refused(&["ONNX Runtime", "the engine is cuda"]);
    tag(&["--kernel-cache", "."]).refused(&["kernel_cache", "the engine is native"]);
    tag(&["--word-cache", "0", "--engine", "onnx"]).refused(&["word_cache", "native engine"]);
    tag(&["--word-cache", "2M"]).refused(&["2M", "--word-cache"]);
    tag(&["--provider", "cuda"]).refused(&["--engine onnx"]);
    tag(&["--gpu-device", "0"]).refused(&["option gpu_device", "the engine `onnx`"]);
    tag(&["--engine", "onnx", "--prefer", "cuda", "--tensorrt-fp16"])
        .refused(&["option tensorrt_fp16", "provider tensorrt"]);
    tag(&["--nbest", "2", "-o", "conll"]).refused(&["--nbest", "jsonl"]);
    tag(&["--nbest", "101"]).refused(&["101"]);
    tag(&["--offsets", "furlongs"]).refused(&["furlongs", "utf16"]);
    tag(&["--no-such-option"]).refused(&["--no-such-option"]);
    run(&[], b"").refused(&["Usage"]);
}

#[test]
fn an_empty_input_gives_an_empty_output() {
    let model = bundle();
    for input in ["", "\n\n", "  \n\t\n"] {
        for format in ["text", "tokens", "conll", "conllu"] {
            for output in ["pretty", "conll", "jsonl"] {
                let args = ["tag", "-m", path(&model), "-i", format, "-o", output];
                assert_eq!(run(&args, input.as_bytes()).good(), "", "{format} {output} {input:?}");
            }
        }
    }
}

#[test]
fn a_huge_token_is_refused_after_the_sentences_before_it() {
    let model = bundle();
    let huge = format!("Anna bor her .\nKim {} der .\n", "x".repeat(10 << 20));
    let tag = |input: &str, text: &str| {
        let args = ["tag", "-m", path(&model), "-l", "da", "-o", "jsonl", "-i", input];
        let output = run(&args, text.as_bytes());
        output.refused(&["a token of 10485760 bytes", "65536", "line", "split it"]);
        assert_eq!(output.stdout.lines().count(), 1, "{}", output.stdout);
    };
    tag("tokens", &huge);
    tag("text", &huge.replace(" .\n", ".\n\n"));
    let column = huge.replace(" .\n", "\n\n").replace(' ', "\n");
    tag("conll", &column);
    let limit = format!("Anna {} der .\n", "x".repeat(1 << 16));
    run(&["tag", "-m", path(&model), "-l", "da", "-i", "tokens", "-o", "conll"], limit.as_bytes()).good();
}

#[test]
fn a_sentence_of_a_hundred_thousand_tokens_is_tagged() {
    let model = bundle();
    let line = "Anna Berg bor i Odense ".repeat(20_000);
    let args = ["tag", "-m", path(&model), "-l", "da", "-i", "tokens", "-o", "conll", "--scores"];
    let tagged = run(&args, line.as_bytes()).good();
    assert_eq!(tagged.lines().count(), 100_001);
}

#[test]
fn a_wrong_digest_or_an_unknown_key_is_refused_by_every_command() {
    let (model, folder) = (bundle(), tempfile::tempdir().unwrap());
    let data = file(&folder, "data.conll", "Anna\tO\n");
    let every = |words: &[&str]| {
        run(&["tag", "-m", path(&model), "-l", "da"], b"Anna.").refused(words);
        run(&["eval", "-m", path(&model), "-t", "ner", "-l", "da", "-d", &data], b"").refused(words);
        run(&["verify", path(&model)], b"").refused(words);
    };
    let weights = model.path().join("weights.safetensors");
    let whole = std::fs::read(&weights).unwrap();
    let mut damaged = whole.clone();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    std::fs::write(&weights, damaged).unwrap();
    every(&["weights.safetensors", "SHA-256"]);
    std::fs::write(&weights, whole).unwrap();
    let manifest = model.path().join("bundle.json");
    let text = text_of(&manifest).replacen('{', "{\"surprise\": 1,", 1);
    use sha2::Digest;
    let digest: String = sha2::Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
    std::fs::write(&manifest, text).unwrap();
    std::fs::write(model.path().join("bundle.sha256"), format!("{digest}  bundle.json\n")).unwrap();
    every(&["bundle.json", "surprise"]);
}

#[test]
fn a_model_that_is_not_there_is_refused() {
    let empty = tempfile::tempdir().unwrap();
    run(&["tag", "-m", path(&empty)], b"x").refused(&["bundle.json"]);
    run(&["tag", "-m", "no/such/folder"], b"x").refused(&["no/such/folder", "bundle.json"]);
    run(&["tag", "--zoo", path(&empty)], b"x").refused(&["catalogue.json"]);
}

#[test]
fn a_model_that_cannot_be_fused_is_refused() {
    let (scorer, folder) = (random_scorer(3, |_| ()), tempfile::tempdir().unwrap());
    run(&["fuse", path(&scorer), path(&folder)], b"").refused(&["is a scorer", "only taggers"]);
    run(&["fuse", "no/such/folder", path(&folder)], b"").refused(&["no/such/folder"]);
    let file = file(&folder, "file", "x");
    run(&["fuse", path(&bundle()), &file], b"").refused(&[&file]);
    run(&["fuse", path(&scorer)], b"").refused(&["<FOLDER>"]);
}

#[test]
fn a_missing_onnx_runtime_says_how_to_get_one() {
    let model = bundle();
    let args = ["tag", "-m", path(&model), "--engine", "onnx", "--ort-library", "/no/such/libonnxruntime.so"];
    run(&args, b"Anna.").refused(&["/no/such/libonnxruntime.so", "onnxruntime"]);
}
