//! SVG that stands alone in light colours, and takes the colours of a page that it is a part of.

use std::fmt::Write as _;

/// Colours that can be told apart on white and on black.
pub const COLOURS: [&str; 8] = ["#2f74d0", "#d9720a", "#1f9d55", "#a25ddc", "#d64545", "#0e9aa7", "#a1662f", "#808080"];

/// The colour of the series in this place.
pub fn colour(place: usize) -> &'static str {
    COLOURS[place % COLOURS.len()]
}

/// `text` as HTML and XML have it.
pub fn escape(text: &str) -> String {
    // A control character is in no XML document.
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// At most `most` characters of `text`.
pub fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_string();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// About how wide `text` is drawn.
pub fn width(text: &str) -> f64 {
    7.2 * text.chars().count() as f64
}

/// Which end of a text lies at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// The first letter.
    Start,
    /// The middle.
    Middle,
    /// The last letter.
    End,
}

/// What colours a line or a text has; a page's style sheet has a rule for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Text.
    Ink,
    /// Text of less weight.
    Soft,
    /// Text on a colour, the same in the light and in the dark.
    Cell,
    /// A line that things are measured from.
    Axis,
    /// A line to help the eye.
    Grid,
}

impl Look {
    fn attributes(self) -> &'static str {
        match self {
            Look::Ink => "class=\"ink\" fill=\"#1f2328\"",
            Look::Soft => "class=\"soft\" fill=\"#57606a\" font-size=\"12\"",
            Look::Cell => "fill=\"#16181c\"",
            Look::Axis => "class=\"axis\" stroke=\"#8c959f\"",
            Look::Grid => "class=\"grid\" stroke=\"#e3e6ea\"",
        }
    }
}

/// A drawing that grows downwards.
pub struct Svg {
    label: String,
    width: f64,
    /// How high it is.
    pub height: f64,
    body: String,
}

/// A place, from the left and from the top.
pub type At = (f64, f64);

impl Svg {
    /// Empty; `label` says what it shows to who cannot see it.
    pub fn new(label: &str, width: f64, height: f64) -> Self {
        Self { label: label.to_string(), width, height, body: String::new() }
    }

    /// Words in one line, whose middle is at `y`.
    pub fn text(&mut self, look: Look, (x, y): At, anchor: Anchor, words: &str) {
        self.words(look, anchor, &format!("x=\"{x:.1}\" y=\"{:.1}\"", y + 4.5), words);
    }

    /// Words that are turned by `degrees`, clockwise.
    pub fn turned(&mut self, look: Look, (x, y): At, degrees: i32, anchor: Anchor, words: &str) {
        self.words(look, anchor, &format!("transform=\"translate({x:.1} {y:.1}) rotate({degrees})\""), words);
    }

    fn words(&mut self, look: Look, anchor: Anchor, place: &str, words: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let _ = writeln!(self.body, "<text {place}{anchor} {}>{}</text>", look.attributes(), escape(words));
    }

    /// A line of the frame.
    pub fn line(&mut self, look: Look, (x, y): At, (to_x, to_y): At) {
        let attributes = look.attributes();
        let _ =
            writeln!(self.body, "<line x1=\"{x:.1}\" y1=\"{y:.1}\" x2=\"{to_x:.1}\" y2=\"{to_y:.1}\" {attributes}/>");
    }

    /// A line through points, whole or broken.
    pub fn path(&mut self, colour: &str, points: &[At], title: &str, broken: bool) {
        let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let dashes = if broken { " stroke-dasharray=\"5 4\"" } else { "" };
        let attributes =
            format!("fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.8\" stroke-linejoin=\"round\"{dashes}");
        self.titled("polyline", &format!("points=\"{}\" {attributes}", points.join(" ")), title);
    }

    /// A filled rectangle, from its upper left corner.
    pub fn rect(&mut self, colour: &str, opacity: f64, (x, y): At, (width, height): At, title: &str) {
        let size = format!("x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"");
        self.titled("rect", &format!("{size} fill=\"{colour}\" opacity=\"{opacity:.2}\""), title);
    }

    /// A filled circle.
    pub fn dot(&mut self, colour: &str, (x, y): At, radius: f64, title: &str) {
        self.titled("circle", &format!("cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{colour}\""), title);
    }

    fn titled(&mut self, name: &str, attributes: &str, title: &str) {
        let _ = match title {
            "" => writeln!(self.body, "<{name} {attributes}/>"),
            _ => writeln!(self.body, "<{name} {attributes}><title>{}</title></{name}>", escape(title)),
        };
    }

    /// Names with their colours and opacities below all else, from `left` on.
    pub fn legend<'a>(&mut self, left: f64, names: impl Iterator<Item = (&'a str, &'a str, f64)>) {
        let (mut x, mut y) = (left, self.height + 2.0);
        for (name, colour, opacity) in names {
            let name = short(name, 40);
            let wide = width(&name) + 34.0;
            if x > left && x + wide > self.width {
                (x, y) = (left, y + 20.0);
            }
            self.rect(colour, opacity, (x, y - 5.5), (11.0, 11.0), "");
            self.text(Look::Ink, (x + 17.0, y), Anchor::Start, &name);
            x += wide;
        }
        self.height = y + 16.0;
    }

    /// The text. On a small screen it shrinks no further than can be read; its figure scrolls.
    pub fn finish(self) -> String {
        let Self { label, width, height, body } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" \
             style=\"min-width:{:.0}px\" font-family=\"system-ui, sans-serif\" font-size=\"13\" role=\"img\" \
             aria-label=\"{}\">\n<rect class=\"paper\" width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{body}</svg>\n",
            width.min(520.0),
            escape(&label)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_is_escaped_and_closed() {
        let mut svg = Svg::new("a \"b\"", 100.0, 40.0);
        svg.text(Look::Ink, (1.0, 2.0), Anchor::End, "<script>\u{1}");
        svg.dot(colour(9), (3.0, 4.0), 5.0, "x & y");
        svg.path(colour(0), &[(0.0, 1.0), (2.0, 3.0)], "", false);
        svg.legend(10.0, [("one long name", "#000", 1.0), ("and another", "#fff", 0.5)].into_iter());
        assert_eq!(svg.height, 78.0, "the second name has a line of its own");
        let text = svg.finish();
        for part in
            ["aria-label=\"a &quot;b&quot;\"", "&lt;script&gt; </text>", "<title>x &amp; y</title></circle>", "#d9720a"]
        {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert_eq!(text.matches('<').count(), text.matches('>').count());
    }

    #[test]
    fn long_names_end_in_an_ellipsis() {
        assert_eq!((short("abcdef", 4).as_str(), short("abcd", 4).as_str()), ("abc…", "abcd"));
    }
}
