//! Which labels may begin, end, and follow each other in a tag scheme.

use super::Transitions;
use crate::text::scheme::Scheme;

/// A mask to add to transitions: 0 where the scheme allows, minus infinity where it forbids.
#[derive(Debug, Clone, PartialEq)]
pub struct Constraints {
    mask: Transitions,
}

impl Constraints {
    /// The mask of `scheme` over `labels`. A label without a `B- I- E- S-` prefix stands outside of spans.
    pub fn from_labels(labels: &[String], scheme: Scheme) -> Self {
        let tags: Vec<Tag> = labels.iter().map(|label| Tag::parse(label)).collect();
        let score = |allowed: bool| if allowed { 0.0 } else { f32::NEG_INFINITY };
        let mask = Transitions {
            labels: labels.len(),
            start: tags.iter().map(|&to| score(allows(scheme, None, Some(to)))).collect(),
            end: tags.iter().map(|&from| score(allows(scheme, Some(from), None))).collect(),
            pairs: tags
                .iter()
                .flat_map(|&to| tags.iter().map(move |&from| score(allows(scheme, Some(from), Some(to)))))
                .collect(),
        };
        Self { mask }
    }

    /// The mask itself.
    pub fn mask(&self) -> &Transitions {
        &self.mask
    }

    /// `transitions` with what the scheme forbids at minus infinity.
    #[must_use]
    pub fn apply(&self, transitions: &Transitions) -> Transitions {
        let add = |a: &[f32], b: &[f32]| -> Vec<f32> { a.iter().zip(b).map(|(a, b)| a + b).collect() };
        Transitions {
            labels: transitions.labels,
            start: add(&transitions.start, &self.mask.start),
            end: add(&transitions.end, &self.mask.end),
            pairs: add(&transitions.pairs, &self.mask.pairs),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Tag<'a> {
    Outside,
    Begin(&'a str),
    Inside(&'a str),
    End(&'a str),
    Single(&'a str),
}

impl<'a> Tag<'a> {
    fn parse(label: &'a str) -> Self {
        match label.split_once('-') {
            Some(("B", kind)) => Self::Begin(kind),
            Some(("I", kind)) => Self::Inside(kind),
            Some(("E", kind)) => Self::End(kind),
            Some(("S", kind)) => Self::Single(kind),
            _ => Self::Outside,
        }
    }

    /// The type of a span that runs through this token into the next, or may.
    fn open(self) -> Option<&'a str> {
        match self {
            Self::Begin(kind) | Self::Inside(kind) => Some(kind),
            _ => None,
        }
    }
}

/// Whether `to` may follow `from`; `None` is the sentence's edge.
fn allows(scheme: Scheme, from: Option<Tag>, to: Option<Tag>) -> bool {
    let open = from.and_then(Tag::open);
    match (scheme, to) {
        (Scheme::Plain, _) => true,
        (Scheme::Bioes, Some(Tag::Inside(kind) | Tag::End(kind))) => open == Some(kind),
        (Scheme::Bioes, _) => open.is_none(),
        (Scheme::Iob2, Some(Tag::Inside(kind))) => open == Some(kind),
        // IOB1 writes B- only to part a span from one of its type just before it.
        (Scheme::Iob1, Some(Tag::Begin(kind))) => open == Some(kind),
        (Scheme::Iob1 | Scheme::Iob2, Some(Tag::End(_) | Tag::Single(_))) => false,
        (Scheme::Iob1 | Scheme::Iob2, _) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The paths of `length` labels that the mask allows, as text.
    fn allowed(labels: &[&str], scheme: Scheme, length: usize) -> Vec<String> {
        let names: Vec<String> = labels.iter().map(ToString::to_string).collect();
        let constraints = Constraints::from_labels(&names, scheme);
        let (mask, k) = (constraints.mask(), labels.len());
        let mut found = Vec::new();
        for code in 0..k.pow(length as u32) {
            let path: Vec<usize> = (0..length).map(|t| code / k.pow((length - 1 - t) as u32) % k).collect();
            let pairs: f32 = path.windows(2).map(|pair| mask.pairs[pair[1] * k + pair[0]]).sum();
            if mask.start[path[0]] + pairs + mask.end[path[length - 1]] == 0.0 {
                found.push(path.iter().map(|&label| labels[label]).collect::<Vec<_>>().join(" "));
            }
        }
        found
    }

    #[test]
    fn schemes_allow_their_paths_only() {
        let bioes = ["O", "B-X", "I-X", "E-X", "S-X", "E-Y"];
        assert_eq!(allowed(&bioes, Scheme::Bioes, 1), ["O", "S-X"]);
        assert_eq!(allowed(&bioes, Scheme::Bioes, 2), ["O O", "O S-X", "B-X E-X", "S-X O", "S-X S-X"]);
        assert_eq!(
            allowed(&["O", "B-X", "I-X", "I-Y"], Scheme::Iob2, 2),
            ["O O", "O B-X", "B-X O", "B-X B-X", "B-X I-X"]
        );
        assert_eq!(allowed(&["O", "B-X", "I-X", "I-Y"], Scheme::Iob1, 1), ["O", "I-X", "I-Y"]);
        assert_eq!(
            allowed(&["B-X", "I-X", "I-Y"], Scheme::Iob1, 2),
            ["I-X B-X", "I-X I-X", "I-X I-Y", "I-Y I-X", "I-Y I-Y"]
        );
        assert_eq!(allowed(&["NOUN", "B-X"], Scheme::Plain, 1).len(), 2);
    }

    #[test]
    fn types_with_hyphens_are_whole() {
        assert_eq!(allowed(&["B-A-B", "E-A-B", "E-A"], Scheme::Bioes, 2), ["B-A-B E-A-B"]);
    }
}
