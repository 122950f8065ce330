//! A page of exercises whose words are coloured by how likely a mistake is; it needs nothing else.

use super::html::{escape, head};
use libmtl::scorer::Scorer;
use libmtl::scorer::slam::Record;
use std::fmt::Write as _;
use std::io::{self, Write};

const STYLE: &str = concat!(include_str!("page.css"), include_str!("risk.css"));

/// Writes the page.
pub struct RiskPage {
    subtitle: String,
    description: String,
    note: String,
    document: Option<String>,
}

impl RiskPage {
    /// A page of what `scorer` says, `calibrated` or not.
    pub fn new(scorer: &Scorer, calibrated: bool) -> Self {
        let manifest = scorer.manifest();
        let note = match (calibrated, &manifest.scorer) {
            (true, _) => "Calibrated: of all words with 20 %, about a fifth are mistakes.".to_string(),
            (false, settings) => {
                let alpha = settings.as_ref().map(|s| format!(" ({})", s.alpha)).unwrap_or_default();
                format!(
                    "Not calibrated: training gave mistakes a weight of their own{alpha}, so that 50 % is a good border \
                     between right and wrong, but not a rate. --calibrated shows rates; the order of words stays."
                )
            }
        };
        Self {
            subtitle: format!("{} {} on the {} engine", manifest.id, manifest.version, scorer.report().engine),
            description: manifest.description.clone(),
            note,
            document: None,
        }
    }

    /// The head of the page, the legend included.
    pub fn begin(&self, out: &mut impl Write) -> io::Result<()> {
        head(out, "Words at risk", &self.subtitle, STYLE)?;
        writeln!(out, "<p class=\"model\">{}</p>", escape(&self.description))?;
        write!(out, "<div class=\"legend\"><b>Probability of a mistake</b>")?;
        for percent in [0, 25, 50, 75, 100] {
            write!(out, " <mark class=\"risk\" style=\"--p:{}\">{percent} %</mark>", f64::from(percent) / 100.0)?;
        }
        writeln!(out, "</div>\n<p>{}</p>\n</header>\n<main>", escape(&self.note))
    }

    /// An exercise of `document`, and the probability of each of its words; `adapted` says whether its learner was fitted.
    pub fn exercise(
        &mut self,
        out: &mut impl Write,
        document: &str,
        record: &Record,
        probabilities: &[f32],
        adapted: bool,
    ) -> io::Result<()> {
        if self.document.as_deref() != Some(document) {
            let name = if document == "-" { "standard input" } else { document };
            let before = if self.document.is_some() { "</section>\n" } else { "" };
            writeln!(out, "{before}<section>\n<h2>{}</h2>", escape(name))?;
            self.document = Some(document.to_string());
        }
        writeln!(out, "<article class=\"exercise\">\n<p class=\"meta\">{}</p>", meta(record, adapted))?;
        if let Some(prompt) = &record.prompt {
            writeln!(out, "<p class=\"prompt\"><bdi>{}</bdi></p>", escape(prompt))?;
        }
        let learnt = record.exercise.track.split('_').next().unwrap_or_default();
        write!(out, "<p class=\"words\" lang=\"{}\">", escape(learnt))?;
        for ((word, token), p) in record.exercise.words.iter().zip(&record.tokens).zip(probabilities) {
            let (word, id, percent) = (escape(word), escape(&token.id), 100.0 * p);
            write!(
                out,
                "<mark class=\"risk\" style=\"--p:{p:.3}\" title=\"{id}: {percent:.1} %\"><bdi>{word}</bdi> \
                 <small>{percent:.0} %</small></mark> "
            )?;
        }
        writeln!(out, "</p>\n</article>")
    }

    /// The end of the page.
    pub fn end(&self, out: &mut impl Write) -> io::Result<()> {
        match self.document {
            Some(_) => writeln!(out, "</section>")?,
            None => writeln!(out, "<p class=\"empty\">There was nothing to score.</p>")?,
        }
        writeln!(out, "</main>\n</body>\n</html>")
    }
}

/// Who did what, in one line.
fn meta(record: &Record, adapted: bool) -> String {
    let exercise = &record.exercise;
    let adapted = if adapted { ", adapted to" } else { "" };
    let mut line = format!("learner <b><bdi>{}</bdi></b>{adapted}", escape(&exercise.user));
    let parts = [&exercise.countries.join(", "), &exercise.client, &exercise.session, &exercise.format];
    for part in parts.into_iter().filter(|part| !part.is_empty()) {
        let _ = write!(line, " · <bdi>{}</bdi>", escape(part));
    }
    let _ = write!(line, " · day {:.1}", exercise.days);
    if let Some(seconds) = exercise.time {
        let _ = write!(line, " · {seconds} s");
    }
    let _ = write!(line, " · {} · line {}", escape(&exercise.track), record.line);
    line
}
