//! Full stops that do not end a sentence: abbreviations, initials, ordinals.

/// What a language abbreviates.
#[derive(Debug, Clone, Copy)]
pub(super) struct Abbreviations {
    language: Language,
}

#[derive(Debug, Clone, Copy)]
struct Language {
    /// Stand before a name or a number, so they never end a sentence: `Dr.`, `nr.`
    leading: &'static str,
    /// May end a sentence, and then the full stop is the sentence's alone.
    inside: &'static str,
    /// May end a sentence, and keep the full stop: `Inc.`, `p.m.`
    other: &'static str,
    /// Abbreviations only before a digit or a capital: `No. 5`, `Sun. 3rd`, since they are words too.
    words: &'static str,
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
            Some(Kind::Other | Kind::Dotted) => true,
            Some(Kind::Leading | Kind::Inside | Kind::Initial) => !last,
            Some(Kind::Word) => !last && next.is_some_and(|c| c.is_uppercase() || c.is_ascii_digit()),
            Some(Kind::Ordinal) => !last && self.language.ordinals,
            None => false,
        }
    }

    /// Whether a sentence may end after `word` and its full stop, when `after` follows.
    pub(super) fn may_end(&self, word: &str, after: &str) -> bool {
        let next = after.trim_start_matches(|c: char| !c.is_alphanumeric());
        let digit = next.starts_with(|c: char| c.is_ascii_digit());
        match self.kind(word) {
            Some(Kind::Leading) => false,
            Some(Kind::Initial | Kind::Dotted) => !digit && starts_sentence(next),
            Some(Kind::Inside | Kind::Other | Kind::Word) => !digit,
            // "The 3. Congress", but "in 1985. Then": years end sentences.
            Some(Kind::Ordinal) => !(self.language.ordinals && (digit || word.len() < 3)),
            None => true,
        }
    }

    /// Where an abbreviation ends that another word follows at once: `Dr.Michael`, and in Russian `т.д`.
    pub(super) fn inner_end(&self, word: &str) -> Option<usize> {
        if !self.language.inner {
            return None;
        }
        let dot = word.char_indices().take(8).find(|(_, c)| *c == '.')?.0;
        let (first, rest) = (&word[..dot], &word[dot + 1..]);
        if rest.chars().next().is_none_or(|c| !c.is_alphabetic()) {
            return None;
        }
        let split = match self.kind(first)? {
            Kind::Leading | Kind::Inside | Kind::Other => first.chars().count() > 1 || !first.is_ascii(),
            Kind::Initial if first.is_ascii() => rest.chars().take(3).count() == 3 && !rest.contains('.'),
            Kind::Initial => true,
            _ => false,
        };
        (split && !(first.is_ascii() && self.kind(word).is_some())).then_some(dot + 1)
    }

    fn kind(&self, word: &str) -> Option<Kind> {
        if word.len() > 24 {
            return None;
        }
        let lower = word.to_lowercase();
        let has = |list: &str| list.split(' ').any(|known| known == lower);
        let mut chars = word.chars();
        let (first, more) = (chars.next()?, chars.next().is_some());
        if has(self.language.leading) {
            Some(Kind::Leading)
        } else if has(self.language.inside) {
            Some(Kind::Inside)
        } else if has(self.language.other) {
            Some(Kind::Other)
        } else if has(self.language.words) {
            Some(Kind::Word)
        } else if !more && first.is_uppercase() {
            Some(Kind::Initial)
        } else if is_dotted(word) {
            Some(Kind::Dotted)
        } else if word.bytes().all(|b| b.is_ascii_digit() || b == b'.') && word.len() < 11 || is_roman(word) {
            Some(Kind::Ordinal)
        } else {
            None
        }
    }
}

/// The kinds of [`Language`], and those that have a form of their own.
enum Kind {
    Leading,
    Inside,
    Other,
    Word,
    /// One capital.
    Initial,
    /// `U.S`
    Dotted,
    Ordinal,
}

/// Whether the capitalised word at the start of `text` rather begins a sentence than goes on with a name: `The`, `Le`,
/// `De` are short, surnames are not.
fn starts_sentence(text: &str) -> bool {
    let word = &text[..text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len())];
    let initial = word.chars().count() == 1 && text[word.len()..].starts_with('.');
    !initial && word.chars().take(4).count() < 4
        || matches!(word, "This" | "That" | "They" | "There" | "These" | "However" | "When" | "What")
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

const OTHER: Language = Language { leading: "", inside: "", other: "", words: "", ordinals: false, inner: false };

const EN: Language = Language {
    leading: "\
        adm approx attn brig ca capt cf cmdr col cpl dr drs e.g eg esp ft gen gov hon i.e incl lt maj messrs mr \
        mrs ms mt mx nos p.o pp pres prof rep reps rev sen sens sgt st ste supt v viz vol vs",
    inside: "a.m arrv etc p.m",
    other: "\
        a.k.a al apr assn aug ave blvd bros co conf corp dec dept dist est ext feb inc intl jan jr lb lbs ltd \
        mfg mins nov oct oz ph.d ps que rd sept sq sr tel thur thurs tue tues univ va wed wk yr yrs",
    words: "art ch fig fri ill ind jul jun la mar mon no para sat sec sep sun wash",
    ordinals: false,
    inner: true,
};

const NL: Language = Language {
    leading: "\
        art bijv blz bv ca d.i d.w.z dhr dr drs ds dwz excl i.p.v incl ing ir m.n mevr mgr mr mw nr nrs o.a o.m oa pag \
        prof red resp st t.o.v tel vgl zgn",
    inside: "",
    other: "a.u.b b.v e.d enz etc jr m.b.t m.i n.chr n.v rk sr v.c v.chr",
    words: "",
    ordinals: false,
    inner: false,
};

const FR: Language = Language {
    leading: "art av cf dr env fig m me mgr mm mr no nos p pp pr st ste tél vol éd",
    inside: "",
    other: "al apr c-à-d etc hab j.-c",
    words: "",
    ordinals: false,
    inner: false,
};

const RU: Language = Language {
    leading: "\
        акад англ анс букв бывш в г глав гос гр греч дер дж доц изд ил илл им исп итал к кв кит кн корп лат мл н \
        наб нем обл ок оф пер пл пос пп пр просп проф ред реж рис род с св см сокр ср ст стр т тер тов ул ум фр \
        франц чл яп",
    inside: "",
    other: "авг апр вв гг д дек др е кг км коп кот л млн млрд нояб окт п пол р руб сах сент тыс фев чел шт э янв",
    words: "мин сек час",
    ordinals: false,
    inner: true,
};

const ES: Language = Language {
    leading: "\
        art av avda c cap d dr dra dña fr gral ing km kms lic mons n ntra núm prof pág págs sr sra sres srta \
        st tel vol",
    inside: "hab",
    other: "a.c aprox bros cía d.c ee.uu etc inc jr s.a ud uds",
    words: "no v",
    ordinals: false,
    inner: false,
};

const DA: Language = Language {
    leading: "\
        adm adv alm bl bl.a ca cand cand.-jur chr d.v.s div dr ds dvs evt f.eks fhv fig fru fx gl hhv hr instr jf \
        jfr kgl kgs kl kons lic-jur maks min mr mrs nr pga postnr pr prof red sct skt stk tlf vedr vind",
    inside: "",
    other: "\
        b.t cand.-psych cm dl etagekvm etc hk inc jr kg km kr kvm lic.-techn ltr m.fl m.m m.v mia mill mio mm o.l \
        o.s.v osv p.t pc pct sek spsk sr t.h t.v tsk",
    words: "a d g l",
    ordinals: true,
    inner: false,
};

const HR: Language = Language {
    leading: "\
        akad br dipl doc dr engl fra franc g gosp gđa ing lat mag med mr njem npr oko prof r sc sl st str sv tel \
        tj tzv ul usp vlč čl",
    inside: "",
    other: "b.o.b corp d.d d.o.o god inc itd jr kn mil min mlrd tis",
    words: "",
    ordinals: true,
    inner: false,
};

const PT: Language = Language {
    leading: "\
        1º 2º 3º 4º al art arts av cap cel cf d dom dr dra drs ed eng exmo fig fund gen n nº mr mrs p pp prof profa pág \
        págs r sr sra srs st sta sto séc sécs tel vol",
    inside: "",
    other: "a.c bros cia co corp d.c etc inc jr sáb lda ltda s.a",
    words: "",
    ordinals: false,
    inner: false,
};
