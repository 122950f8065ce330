//! Where words begin and end, as the Universal Dependencies corpus of each language has it.
//!
//! UAX #29 gives the atoms. They are joined where a rule of `special` (addresses, emoticons), `joins` (numbers,
//! hyphens) or `marks` (`...`, `--`) says so, given their full stop where it belongs to an abbreviation, and cut where
//! `clitics` are words of their own. docs/tokenisation.md has the rules and the scores.

mod clitics;
mod joins;
mod marks;
mod special;

use super::abbreviations::Abbreviations;
use super::base_language;
use crate::{Cancel, Result};
use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation;

/// The words and marks of one sentence as byte ranges, in order, never overlapping. Every character that is not white
/// space lies in one, and no token holds white space. An unknown language gets the rules common to all.
///
/// Takes time linear in the length of `sentence`.
pub fn tokenise(sentence: &str, language: &str) -> Vec<Range<usize>> {
    tokenise_until(sentence, language, &Cancel::new()).unwrap_or_default()
}

/// As [`tokenise`]; the only error is that of `cancel`.
pub(crate) fn tokenise_until(sentence: &str, language: &str, cancel: &Cancel) -> Result<Vec<Range<usize>>> {
    let language = base_language(language);
    let mut cutter = Cutter {
        text: sentence,
        language,
        abbreviations: Abbreviations::of(language),
        end: marks::before_closers(sentence),
        parentheses: 0,
        quoted: false,
        tokens: Vec::new(),
    };
    let mut at = 0;
    for (step, (start, atom)) in sentence.split_word_bound_indices().enumerate() {
        cancel.check_at(step)?;
        let end = start + atom.len();
        let mut rest = start.max(at).min(end)..end;
        while let Some(piece) = first_piece(sentence, rest.clone(), language) {
            at = cutter.cut(piece.clone());
            rest.start = at.min(rest.end);
        }
    }
    Ok(cutter.tokens)
}

/// The first part of an atom: UAX #29 may leave white space beside a combining mark in it, and keeps the colon of
/// Swedish `EU:s` between any letters.
fn first_piece(text: &str, atom: Range<usize>, language: &str) -> Option<Range<usize>> {
    let rest = &text[atom.clone()];
    let start = rest.find(|c: char| !c.is_whitespace())?;
    let colon = |c: char| c == ':' && !matches!(language, "sv" | "fi");
    let length = match rest[start..].find(|c: char| c.is_whitespace() || colon(c)) {
        Some(0) => 1,
        Some(length) => length,
        None => rest.len() - start,
    };
    Some(atom.start + start..atom.start + start + length)
}

/// Whether an atom is a word or a number, not a mark.
fn is_word(atom: &str) -> bool {
    atom.chars().any(char::is_alphanumeric)
}

struct Cutter<'a> {
    text: &'a str,
    language: &'a str,
    abbreviations: Abbreviations,
    /// Where the sentence's last full stop ends, were there one: before closing quotes and brackets.
    end: usize,
    /// Parentheses open at this place: `))` closes two of them, or smiles.
    parentheses: usize,
    /// Whether a single quotation mark is open: then the next one closes it, else it may be an apostrophe.
    quoted: bool,
    tokens: Vec<Range<usize>>,
}

impl Cutter<'_> {
    /// Adds the tokens of what begins with this atom, and says where they end.
    fn cut(&mut self, atom: Range<usize>) -> usize {
        let before = self.text[..atom.start].chars().next_back();
        if let Some(end) = special::end(self.text, atom.start, before, self.language) {
            self.tokens.push(atom.start..end);
            return end;
        }
        let sign = joins::signed(self.text, atom.start, before, self.language);
        if sign || is_word(&self.text[atom.clone()]) {
            let end = if sign { joins::number_end(self.text, atom.end) } else { atom.end };
            let end = joins::end(self.text, atom.start, end, self.language);
            let end = self.with_apostrophe(atom.start..end);
            let word = self.with_full_stop(atom.start..end);
            let end = word.end;
            clitics::split(self.text, word, self.language, &mut self.tokens);
            return end;
        }
        let end = marks::end(self.text, atom.clone(), self.parentheses, self.language);
        match &self.text[atom.clone()] {
            "'" => self.quoted = before.is_none_or(|c| !c.is_alphanumeric()),
            "(" => self.parentheses += 1,
            ")" => self.parentheses = self.parentheses.saturating_sub(1),
            _ => {}
        }
        self.tokens.push(atom.start..end);
        end
    }

    /// The end of the word with the apostrophe that ends it: Danish `Elvis'`.
    fn with_apostrophe(&self, word: Range<usize>) -> usize {
        let mut after = self.text[word.end..].chars();
        let genitive = matches!(self.language, "da" | "nb" | "nn" | "no" | "sv") && !self.quoted;
        match after.next() {
            Some(c @ ('\'' | '’')) if genitive && !after.as_str().starts_with(char::is_alphanumeric) => {
                word.end + c.len_utf8()
            }
            _ => word.end,
        }
    }

    /// The word with the full stop that follows it, if it is an abbreviation or an ordinal; or, if the abbreviation
    /// ends inside the word (`Dr.Michael`), only so much of it.
    fn with_full_stop(&self, word: Range<usize>) -> Range<usize> {
        if let Some(end) = self.abbreviations.inner_end(&self.text[word.clone()]) {
            return word.start..word.start + end;
        }
        let after = &self.text[word.end..];
        let last = word.end + 1 >= self.end;
        // "kr.." at the end of a sentence: the abbreviation's full stop and the sentence's.
        let doubled = after.starts_with("..") && !after.starts_with("...") && word.end + 2 >= self.end;
        if !after.starts_with('.') || after.starts_with("..") && !doubled {
            return word;
        }
        if self.abbreviations.keeps_stop(&self.text[word.clone()], &after[1..], last) {
            return word.start..word.end + 1;
        }
        word
    }
}

#[cfg(test)]
mod tests {
    use super::tokenise;

    /// Each case is the tokens with blanks between them; `text` is what is to be cut.
    fn check(language: &str, cases: &[(&str, &str)]) {
        for (text, expected) in cases {
            let found: Vec<&str> = tokenise(text, language).into_iter().map(|range| &text[range]).collect();
            assert_eq!(found.join(" "), *expected, "{language}");
        }
    }

    #[test]
    fn common_to_all_languages() {
        let cases = [
            ("", ""),
            (" \t\n", ""),
            ("a,b;c", "a , b ; c"),
            ("(yes) [no] {so}", "( yes ) [ no ] { so }"),
            ("1,000.50 10:30 3/4/2001 1.2.3", "1,000.50 10:30 3/4/2001 1.2.3"),
            ("wait... what?! no!!!", "wait ... what ?! no !!!"),
            ("a--b ---- *** --> ", "a -- b ---- *** -->"),
            (
                "see http://x.org/a_(b)?q=1, www.x.com. mailto:a@b.org",
                "see http://x.org/a_(b)?q=1 , www.x.com . mailto:a@b.org",
            ),
            ("<http://x.org> (http://x.org/y).", "< http://x.org > ( http://x.org/y ) ."),
            (
                "jo.e+x@mail.example.org, example.com/a example.net",
                "jo.e+x@mail.example.org , example.com/a example.net",
            ),
            ("@joe_1: #tag #2 @", "@joe_1 : #tag # 2 @"),
            (":-) ;) :D <3 a:b :)))", ":-) ;) :D <3 a : b :)))"),
            ("😀👍🏽 👩\u{200D}👩\u{200D}👧 🇩🇪 x😀", "😀👍🏽 👩\u{200D}👩\u{200D}👧 🇩🇪 x 😀"),
            ("&quot;x&quot; &#39;&#39; AT&T & co", "&quot; x &quot; &#39;&#39; AT&T & co"),
            ("US$5 5€ £3", "US$ 5 5 € £ 3"),
            ("note:if a:b", "note : if a : b"),
            ("e\u{301}te\u{301} A\u{AD}b", "e\u{301}te\u{301} A\u{AD}b"),
            ("中文 字", "中 文 字"),
            ("a\0b", "a \0 b"),
            ("J.-C. A. Lee", "J.-C. A. Lee"),
        ];
        for language in ["xx", "es", "pt", "hr"] {
            check(language, &cases);
        }
    }

    #[test]
    fn english() {
        check(
            "en",
            &[
                ("I can't, won't, don’t: it's we'll've", "I ca n't , wo n't , do n’t : it 's we 'll 've"),
                ("CAN'T cannot gonna dont im", "CA N'T can not gon na do nt i m"),
                ("do n't 's '90s 'em", "do n't 's '90s 'em"),
                ("the dogs' 1990's O'Brien's rock'n'roll", "the dogs ' 1990's O'Brien 's rock'n'roll"),
                ("state-of-the-art e-mail non-stop 5-10 F-16", "state - of - the - art e-mail non-stop 5 - 10 F - 16"),
                ("713-853-3989 555-1234 and/or 9/11", "713-853-3989 555-1234 and / or 9/11"),
                (
                    "Dr. No met Mr.Bond at 5 p.m. in the U.S. today.",
                    "Dr. No met Mr. Bond at 5 p.m. in the U.S. today .",
                ),
                ("apples, etc.", "apples , etc ."),
                ("Is it No. 5? No.", "Is it No. 5 ? No ."),
                ("30km 7:30PM $5m 20%", "30 km 7:30 PM $ 5 m 20 %"),
                ("vitamin C.", "vitamin C ."),
            ],
        );
    }

    #[test]
    fn french() {
        check(
            "fr",
            &[
                ("L’eau d'Évian qu'il n'a pas", "L’ eau d' Évian qu' il n' a pas"),
                ("aujourd'hui c'est-à-dire quelqu'un l'on", "aujourd'hui c'est-à-dire quelqu'un l'on"),
                ("Qu'est-ce ? a-t-il dit-elle donne-le-moi", "Qu' est -ce ? a -t-il dit -elle donne -le -moi"),
                ("celui-ci rendez-vous peut-être ce jour-là", "celui-ci rendez-vous peut-être ce jour -là"),
                ("à 14h30 : -2,5 °C, 9°C", "à 14 h 30 : -2,5 °C , 9 ° C"),
                ("M. J.-P. Roy, n° 3, et/ou", "M. J.-P. Roy , n° 3 , et / ou"),
            ],
        );
    }

    #[test]
    fn other_languages() {
        check(
            "nl",
            &[
                ("Zo'n 5% van 's-Gravenhage, d.w.z. 't is.", "Zo'n 5% van 's-Gravenhage , d.w.z. 't is ."),
                ("in- en uitgang ,,ja''", "in- en uitgang ,, ja ''"),
            ],
        );
        check(
            "da",
            &[
                ("Den 3. maj kostede det 5 kr..", "Den 3. maj kostede det 5 kr. ."),
                ("Elvis' lys- og lyd i 1980'erne", "Elvis' lys- og lyd i 1980'erne"),
            ],
        );
        check(
            "hr",
            &[("Od 12. do 15. 2008. godine.", "Od 12. do 15. 2008. godine ."), ("NATO-a je 2008.", "NATO-a je 2008 .")],
        );
        check(
            "ru",
            &[
                ("В 1999 г. и т.д. и т.п.", "В 1999 г. и т. д. и т. п."),
                ("Кто-то ))) что?.. 5-10 -2", "Кто-то ))) что ?.. 5 - 10 - 2"),
            ],
        );
        check("es", &[("¿Qué? El Sr. Pérez, EE.UU. y etc.", "¿ Qué ? El Sr. Pérez , EE.UU. y etc.")]);
        check("pt", &[("O Sr. Silva pagou R$ 10,50 às 21h30.", "O Sr. Silva pagou R$ 10,50 às 21h30 .")]);
        check("sv", &[("EU:s", "EU:s")]);
        check("en-GB", &[("can't", "ca n't")]);
    }
}
