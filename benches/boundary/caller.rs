//! The caller that the others are measured against: calls the library directly. README.md says what every caller does.

use libmtl::bundle::Bundle;
use libmtl::engine::EngineOptions;
use libmtl::tagger::{Annotation, Document, DocumentOptions, Tagger};
use libmtl::{Cancel, Result};
use rustix::time::{ClockId, clock_gettime};
use std::error::Error;
use std::ops::Range;
use std::path::Path;

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, bundle, texts] = &arguments[..] else { return Err("usage: boundary BUNDLE TEXTS".into()) };
    let texts = std::fs::read_to_string(texts)?;
    let texts: Vec<&str> = texts.lines().collect();
    let tagger = Tagger::open(Bundle::open(Path::new(bundle))?.into(), &EngineOptions::default())?;
    for line in std::io::stdin().lines() {
        let line = line?;
        let (count, calls) = line.split_once(' ').ok_or("a line is COUNT CALLS")?;
        let (count, calls): (usize, usize) = (count.parse()?, calls.parse()?);
        let begun = cpu_time();
        let mut sum = 0u64;
        for call in 0..calls {
            let first = call * count % texts.len();
            sum = sum.wrapping_add(tag(&tagger, &texts[first..first + count])?);
        }
        println!("{} {sum}", cpu_time() - begun);
    }
    Ok(())
}

fn tag(tagger: &Tagger, texts: &[&str]) -> Result<u64> {
    let documents: Vec<Document> = texts.iter().map(|text| Document::Text(text.as_bytes())).collect();
    let mut sum = 0u64;
    for annotation in tagger.annotate(&documents, &DocumentOptions::default(), &Cancel::new())? {
        sum = sum.wrapping_add(read(&annotation?));
    }
    Ok(sum)
}

fn read(annotation: &Annotation) -> u64 {
    let add = |range: &Range<usize>| (range.start + range.end) as u64;
    let mut sum: u64 = annotation.tokens.iter().map(add).sum();
    for taggings in annotation.tasks.iter().flatten() {
        for (sentence, tagging) in annotation.sentences.iter().zip(taggings) {
            sum += tagging.labels.iter().map(|label| label.len() as u64).sum::<u64>();
            for span in &tagging.spans {
                let tokens = &annotation.tokens[sentence.clone()][span.start..span.end];
                sum += add(&(tokens[0].start..tokens[tokens.len() - 1].end)) + span.label.len() as u64;
            }
        }
    }
    sum
}

fn cpu_time() -> u64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
