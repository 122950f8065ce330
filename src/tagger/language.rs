//! Which of a model's languages a text is written in.

use whatlang::{Detector as Whatlang, Lang};

/// How much of a text the detection reads, in bytes: more does not change its mind.
const ENOUGH: usize = 4096;

/// Finds the language of a text among a few.
pub struct Detector {
    languages: Vec<String>,
    detector: Whatlang,
}

/// What a text seems to be written in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detection {
    /// ISO 639-1 code.
    pub language: String,
    /// Whether the guess can be relied on. A short text, or one of names and numbers, gives no reliable one.
    pub reliable: bool,
}

impl Detector {
    /// A detector among `languages` (ISO 639-1). Those that cannot be detected are never found.
    pub fn new<S: AsRef<str>>(languages: &[S]) -> Self {
        let languages: Vec<String> = languages.iter().map(|l| l.as_ref().to_string()).collect();
        let known = languages.iter().filter_map(|l| known(l)).collect();
        Self { languages, detector: Whatlang::with_allowlist(known) }
    }

    /// Those of its languages that cannot be detected, and have to be named by the caller.
    pub fn undetectable(&self) -> Vec<&str> {
        self.languages.iter().map(String::as_str).filter(|l| known(l).is_none()).collect()
    }

    /// The language of `text`; `None` where nothing in it speaks for any of the languages.
    pub fn detect(&self, text: &str) -> Option<Detection> {
        if let [only] = &self.languages[..] {
            return Some(Detection { language: only.clone(), reliable: true });
        }
        let info = self.detector.detect(head(text))?;
        let language = self.languages.iter().find(|l| known(l) == Some(info.lang()))?;
        Some(Detection { language: language.clone(), reliable: info.is_reliable() })
    }
}

/// The beginning of `text`, cut at a character's border.
fn head(text: &str) -> &str {
    let mut end = text.len().min(ENOUGH);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The English name of an ISO 639-1 `language`, for people; the code itself where it is not known.
pub fn name(language: &str) -> &str {
    known(language).map_or(language, |lang| lang.eng_name())
}

fn known(language: &str) -> Option<Lang> {
    Lang::from_code(CODES.iter().find(|(two, _)| *two == language)?.1)
}

/// ISO 639-1 and the detector's own codes (ISO 639-3).
const CODES: &[(&str, &str)] = &[
    ("af", "afr"),
    ("ak", "aka"),
    ("am", "amh"),
    ("ar", "ara"),
    ("az", "aze"),
    ("be", "bel"),
    ("bg", "bul"),
    ("bn", "ben"),
    ("ca", "cat"),
    ("cs", "ces"),
    ("cy", "cym"),
    ("da", "dan"),
    ("de", "deu"),
    ("el", "ell"),
    ("en", "eng"),
    ("eo", "epo"),
    ("es", "spa"),
    ("et", "est"),
    ("fa", "pes"),
    ("fi", "fin"),
    ("fr", "fra"),
    ("gu", "guj"),
    ("he", "heb"),
    ("hi", "hin"),
    ("hr", "hrv"),
    ("hu", "hun"),
    ("hy", "hye"),
    ("id", "ind"),
    ("it", "ita"),
    ("ja", "jpn"),
    ("jv", "jav"),
    ("ka", "kat"),
    ("km", "khm"),
    ("kn", "kan"),
    ("ko", "kor"),
    ("la", "lat"),
    ("lt", "lit"),
    ("lv", "lav"),
    ("mk", "mkd"),
    ("ml", "mal"),
    ("mr", "mar"),
    ("my", "mya"),
    ("nb", "nob"),
    ("ne", "nep"),
    ("nl", "nld"),
    ("no", "nob"),
    ("or", "ori"),
    ("pa", "pan"),
    ("pl", "pol"),
    ("pt", "por"),
    ("ro", "ron"),
    ("ru", "rus"),
    ("si", "sin"),
    ("sk", "slk"),
    ("sl", "slv"),
    ("sn", "sna"),
    ("sr", "srp"),
    ("sv", "swe"),
    ("ta", "tam"),
    ("te", "tel"),
    ("th", "tha"),
    ("tk", "tuk"),
    ("tl", "tgl"),
    ("tr", "tur"),
    ("uk", "ukr"),
    ("ur", "urd"),
    ("uz", "uzb"),
    ("vi", "vie"),
    ("yi", "yid"),
    ("zh", "cmn"),
    ("zu", "zul"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_table_is_known() {
        for (two, three) in CODES {
            assert!(Lang::from_code(*three).is_some(), "{two} {three}");
        }
        assert!(CODES.is_sorted());
    }

    #[test]
    fn sentences_are_told_apart() {
        let detector = Detector::new(&["da", "en", "es", "fr", "hr", "nl", "pt", "ru"]);
        for (language, text) in [
            ("en", "The committee will meet again in Geneva on Thursday to discuss the new proposal."),
            ("nl", "De burgemeester van Utrecht heeft gisteren het nieuwe zwembad geopend."),
            ("fr", "Le maire de Lyon a inauguré hier la nouvelle bibliothèque du quartier."),
            ("ru", "Вчера в Москве открылась выставка молодых художников."),
            ("pt", "A prefeita de Coimbra disse ontem que as obras começam em setembro."),
            ("da", "Kjeld Christensen bor i København og arbejder på universitetet."),
            ("hr", "Vlada je jučer u Zagrebu predstavila novi prijedlog zakona."),
            ("es", "La alcaldesa de Sevilla anunció ayer que las obras empezarán en septiembre."),
        ] {
            assert_eq!(detector.detect(text).unwrap().language, language, "{text}");
        }
        assert_eq!(detector.detect("12 345"), None);
        assert_eq!(detector.detect(""), None);
    }

    #[test]
    fn one_language_needs_no_detection_and_an_unknown_one_is_named() {
        assert_eq!(Detector::new(&["xx"]).detect("1").unwrap().language, "xx");
        assert_eq!(Detector::new(&["en", "xx"]).undetectable(), ["xx"]);
    }

    #[test]
    fn only_the_head_of_a_long_text_is_read() {
        let text = "ж".repeat(ENOUGH);
        assert_eq!(head(&text).len(), ENOUGH);
        assert_eq!(head(&format!("a{text}")).len(), ENOUGH - 1);
    }
}
