//! Full stops that do not end a sentence: abbreviations, initials, ordinals.

/// What a language abbreviates.
#[derive(Debug, Clone, Copy)]
pub(super) struct Abbreviations {
    language: Language,
}

#[derive(Debug, Clone, Copy)]
struct Language {
    /// Stand before a name or a number, so they never end a sentence: `Dr.`, `nr.`
    leading: &'static [&'static str],
    /// May end a sentence: `etc.`, `Inc.`
    other: &'static [&'static str],
    /// Abbreviations only before a digit or a capital: `No. 5`, `Sun. 3rd`, since they are words too.
    words: &'static [&'static str],
    /// `3.` is the third.
    ordinals: bool,
    /// `Dr.Michael` is two words.
    inner: bool,
}

impl Abbreviations {
    pub(super) fn of(language: &str) -> Self {
        let language = match language {
            "en" => EN,
            "nl" => NL,
            "fr" => FR,
            "ru" => RU,
            "es" => ES,
            "da" => DA,
            "hr" => HR,
            "pt" => PT,
            _ => OTHER,
        };
        Self { language }
    }

    /// Whether `word` keeps the full stop that follows it; `after` is what comes then, and `last` says that nothing
    /// does but closing quotes.
    pub(super) fn keeps_stop(&self, word: &str, after: &str, last: bool) -> bool {
        let next = after.trim_start().chars().next();
        match self.kind(word) {
            Some(Kind::Leading | Kind::Other) => true,
            Some(Kind::Word) => !last && next.is_some_and(|c| c.is_uppercase() || c.is_ascii_digit()),
            Some(Kind::Initial) => !last,
            Some(Kind::Ordinal) => !last && self.language.ordinals && next.is_some_and(|c| c.is_alphanumeric()),
            None => false,
        }
    }

    /// Whether a sentence may end after `word` and its full stop, when `after` follows.
    pub(super) fn may_end(&self, word: &str, after: &str) -> bool {
        let next = after.trim_start_matches(|c: char| c.is_whitespace() || "\"'“‘«„([".contains(c)).chars().next();
        let digit = next.is_some_and(|c| c.is_ascii_digit());
        match self.kind(word) {
            Some(Kind::Leading | Kind::Initial) => false,
            Some(Kind::Other) => !digit,
            Some(Kind::Word) => !digit,
            Some(Kind::Ordinal) => true,
            None => true,
        }
    }

    /// Where an abbreviation ends that another word follows at once.
    pub(super) fn inner_end(&self, word: &str) -> Option<usize> {
        if !self.language.inner {
            return None;
        }
        let dot = word.char_indices().take(8).find(|(_, c)| *c == '.')?.0;
        let (first, rest) = (&word[..dot], &word[dot + 1..]);
        if self.kind(word).is_some() || rest.chars().next().is_none_or(|c| !c.is_alphabetic()) {
            return None;
        }
        let listed = matches!(self.kind(first), Some(Kind::Leading | Kind::Other));
        let initial =
            matches!(self.kind(first), Some(Kind::Initial)) && rest.chars().take(3).count() == 3 && !rest.contains('.');
        (listed || initial).then_some(dot + 1)
    }

    fn kind(&self, word: &str) -> Option<Kind> {
        if word.len() > 24 {
            return None;
        }
        let lower = word.to_lowercase();
        let has = |list: &[&str]| list.contains(&lower.as_str());
        let mut chars = word.chars();
        let (first, more) = (chars.next()?, chars.next().is_some());
        if has(self.language.leading) {
            Some(Kind::Leading)
        } else if has(self.language.other) {
            Some(Kind::Other)
        } else if has(self.language.words) {
            Some(Kind::Word)
        } else if !more && first.is_uppercase() || lower.contains("-") && is_dotted(word) {
            Some(Kind::Initial)
        } else if is_dotted(word) {
            Some(Kind::Other)
        } else if word.bytes().all(|b| b.is_ascii_digit()) && word.len() < 5 || is_roman(word) {
            Some(Kind::Ordinal)
        } else {
            None
        }
    }
}

enum Kind {
    Leading,
    Other,
    Word,
    Initial,
    Ordinal,
}

/// `U.S`, `e.g`, `J.-C`: short groups of letters with full stops between them.
fn is_dotted(word: &str) -> bool {
    let mut groups = word.split('.');
    let short = |g: &str| {
        let g = g.trim_matches('-');
        !g.is_empty() && g.chars().count() <= 3 && g.chars().all(char::is_alphabetic)
    };
    word.contains('.') && groups.all(short)
}

fn is_roman(word: &str) -> bool {
    word.len() > 1 && word.bytes().all(|b| b"IVXLC".contains(&b))
}

const OTHER: Language = Language { leading: &[], other: &[], words: &[], ordinals: false, inner: false };

const EN: Language = Language {
    leading: &[
        "adm", "attn", "brig", "capt", "cmdr", "col", "cpl", "dr", "drs", "ft", "gen", "gov", "hon", "lt", "maj",
        "messrs", "mr", "mrs", "ms", "mt", "mx", "prof", "pres", "rep", "reps", "rev", "sen", "sens", "sgt", "st",
        "ste", "supt", "vs", "v", "e.g", "i.e", "eg", "cf", "viz", "approx", "esp", "incl", "ca", "no", "nos", "vol",
        "pp", "p.o",
    ],
    other: &[
        "a.m", "p.m", "a.k.a", "al", "apr", "assn", "aug", "ave", "blvd", "bros", "co", "conf", "corp", "dec", "dept",
        "dist", "est", "etc", "ext", "feb", "inc", "intl", "jan", "jr", "lb", "lbs", "ltd", "mfg", "mins", "nov",
        "oct", "oz", "ph.d", "que", "rd", "sept", "sq", "sr", "tel", "thur", "thurs", "tue", "tues", "univ", "va",
        "wed", "wk", "yr", "yrs", "ps", "u.s",
    ],
    words: &[
        "fig", "fri", "jul", "jun", "la", "mar", "mon", "sat", "sec", "sep", "sun", "art", "ch", "para", "wash", "ill",
        "ind",
    ],
    ordinals: false,
    inner: true,
};

const NL: Language = Language {
    leading: &[
        "mr", "mevr", "mw", "dr", "drs", "ir", "ing", "prof", "ds", "st", "nr", "nrs", "blz", "ca", "zgn", "resp",
        "bijv", "bv", "o.a", "o.m", "m.n", "d.w.z", "dwz", "t.o.v", "i.p.v", "incl", "excl", "art", "vgl", "oa", "red",
        "mgr", "pag", "tel", "d.i",
    ],
    other: &["enz", "etc", "jr", "sr", "b.v", "n.v", "v.chr", "n.chr", "v.c", "e.d", "a.u.b", "m.i", "m.b.t", "rk"],
    words: &[],
    ordinals: false,
    inner: false,
};

const FR: Language = Language {
    leading: &[
        "m", "mm", "dr", "pr", "me", "mgr", "st", "ste", "cf", "vol", "no", "nos", "p", "pp", "art", "av", "env", "mr",
        "tél", "fig", "éd",
    ],
    other: &["etc", "al", "j.-c", "c-à-d", "ex", "hab", "apr"],
    words: &[],
    ordinals: false,
    inner: false,
};

const RU: Language = Language {
    leading: &[
        "г",
        "ул",
        "им",
        "см",
        "ср",
        "т",
        "тов",
        "гр",
        "проф",
        "акад",
        "доц",
        "ст",
        "стр",
        "с",
        "п",
        "пп",
        "рис",
        "илл",
        "ил",
        "англ",
        "фр",
        "франц",
        "нем",
        "лат",
        "исп",
        "греч",
        "итал",
        "кит",
        "яп",
        "пер",
        "ок",
        "род",
        "св",
        "обл",
        "пос",
        "дер",
        "просп",
        "пр",
        "пл",
        "наб",
        "д",
        "к",
        "кв",
        "корп",
        "оф",
        "ред",
        "изд",
        "сокр",
        "букв",
        "бывш",
        "мл",
        "ум",
        "реж",
        "тер",
        "гос",
        "глав",
        "н",
        "чл",
        "анс",
        "дж",
        "в",
        "кн",
    ],
    other: &[
        "тыс", "млн", "млрд", "руб", "коп", "чел", "др", "гг", "вв", "э", "е", "шт", "л", "р", "кг", "км", "янв",
        "фев", "апр", "авг", "сент", "окт", "нояб", "дек", "сах", "кот", "пол",
    ],
    words: &["мин", "сек", "час"],
    ordinals: false,
    inner: true,
};

const ES: Language = Language {
    leading: &[
        "sr", "sra", "sres", "srta", "dr", "dra", "d", "da", "dña", "ing", "lic", "prof", "gral", "cap", "av", "avda",
        "c", "pág", "págs", "núm", "no", "n", "art", "vol", "st", "ntra", "mons", "fr", "tel", "km", "kms",
    ],
    other: &["etc", "ee.uu", "a.c", "d.c", "s.a", "bros", "jr", "cía", "ud", "uds", "hab", "aprox", "inc"],
    words: &[],
    ordinals: false,
    inner: false,
};

const DA: Language = Language {
    leading: &[
        "bl.a",
        "f.eks",
        "fx",
        "ca",
        "nr",
        "kl",
        "dr",
        "hr",
        "fru",
        "mr",
        "mrs",
        "prof",
        "pr",
        "pga",
        "kgl",
        "kgs",
        "fig",
        "stk",
        "jf",
        "jfr",
        "hhv",
        "fhv",
        "d.v.s",
        "dvs",
        "ds",
        "skt",
        "sct",
        "chr",
        "red",
        "adv",
        "adm",
        "tlf",
        "vedr",
        "bl",
        "evt",
        "maks",
        "min",
        "gl",
        "instr",
        "lic-jur",
        "cand",
        "cand.-jur",
        "div",
        "alm",
        "kons",
        "vind",
        "postnr",
    ],
    other: &[
        "kr",
        "pct",
        "mill",
        "mio",
        "mia",
        "kg",
        "km",
        "kvm",
        "cm",
        "mm",
        "m.v",
        "m.fl",
        "m.m",
        "o.l",
        "osv",
        "o.s.v",
        "etc",
        "inc",
        "t.h",
        "t.v",
        "b.t",
        "jr",
        "sr",
        "spsk",
        "tsk",
        "hk",
        "sek",
        "p.t",
        "pc",
        "etagekvm",
        "ltr",
        "dl",
        "cand.-psych",
        "lic.-techn",
    ],
    words: &["l", "g", "d", "a"],
    ordinals: true,
    inner: false,
};

const HR: Language = Language {
    leading: &[
        "dr", "mr", "prof", "sv", "tzv", "npr", "tj", "sl", "čl", "st", "str", "br", "ing", "dipl", "mag", "doc",
        "akad", "gosp", "vlč", "engl", "njem", "franc", "lat", "sc", "med", "oko", "tel", "ul", "usp", "gđa", "g", "o",
        "fra", "r",
    ],
    other: &["itd", "i sl", "d.o.o", "d.d", "god", "mil", "mlrd", "kn", "corp", "inc", "jr", "min", "tis", "b.o.b"],
    words: &[],
    ordinals: true,
    inner: false,
};

const PT: Language = Language {
    leading: &[
        "sr", "sra", "srs", "dr", "dra", "drs", "prof", "profa", "eng", "d", "dom", "exmo", "av", "r", "pág", "págs",
        "p", "pp", "art", "arts", "nº", "n", "tel", "cf", "ed", "séc", "sécs", "gen", "cel", "cap", "st", "sta", "sto",
        "fund", "al", "fig", "vol", "1º", "2º", "3º", "4º",
    ],
    other: &["etc", "jr", "inc", "cia", "ltda", "a.c", "d.c", "s.a", "bros", "lda", "corp", "co"],
    words: &[],
    ordinals: false,
    inner: false,
};
