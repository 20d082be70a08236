//! Syntax faults, one class at a time, put into sound documents.
//!
//! Each class damages the text as models do and returns it; `None` where a document offers no place for it.

use crate::random::Random;
use steersman_structured::{Document, Kind, Node};

pub(crate) type Mutator = fn(&str, &Spots, &mut Random) -> Option<Damaged>;

/// A damaged text, and the sound one it stands for where that is not the original.
pub(crate) struct Damaged {
    pub(crate) broken: String,
    pub(crate) meant: Option<String>,
}

impl From<String> for Damaged {
    fn from(broken: String) -> Self {
        Self { broken, meant: None }
    }
}

fn meant(broken: String, meant: String) -> Damaged {
    Damaged { broken, meant: Some(meant) }
}

/// Places in a document's text.
#[derive(Default)]
pub(crate) struct Spots {
    pub(crate) keys: Vec<(usize, usize)>,
    pub(crate) strings: Vec<(usize, usize)>,
    pub(crate) scalars: Vec<(usize, usize)>,
    pub(crate) numbers: Vec<(usize, usize)>,
    pub(crate) commas: Vec<usize>,
    pub(crate) colons: Vec<usize>,
    pub(crate) brackets: Vec<usize>,
}

impl Spots {
    pub(crate) fn of(text: &str) -> Self {
        let mut spots = Self::default();
        let Ok(doc) = Document::parse(text) else { return spots };
        spots.walk(doc.root());
        let literal = |i: usize, s: &Self| s.keys.iter().chain(&s.strings).any(|&(a, b)| a <= i && i < b);
        for (i, byte) in text.bytes().enumerate() {
            if literal(i, &spots) {
                continue;
            }
            match byte {
                b',' => spots.commas.push(i),
                b':' => spots.colons.push(i),
                b'{' | b'}' | b'[' | b']' => spots.brackets.push(i),
                _ => {}
            }
        }
        spots
    }

    fn walk(&mut self, node: Node<'_>) {
        match node.kind() {
            Kind::Object => {
                for (key, value) in node.members() {
                    self.keys.push(key.span());
                    self.walk(value);
                }
            }
            Kind::Array => node.items().for_each(|item| self.walk(item)),
            Kind::String => {
                self.strings.push(node.span());
                self.scalars.push(node.span());
            }
            Kind::Number => {
                self.numbers.push(node.span());
                self.scalars.push(node.span());
            }
            _ => self.scalars.push(node.span()),
        }
    }
}

pub(crate) const CLASSES: &[(&str, Mutator)] = &[
    ("fence", |t, _, r| {
        Some(
            format!(
                "{}{t}\n```{}",
                r.pick(&["```json\n", "```\n", "Here you go:\n```json\n"])?,
                r.pick(&["", "\nHope this helps!", "\n"])?
            )
            .into(),
        )
    }),
    ("prose", |t, _, r| {
        Some(
            format!(
                "{}{t}{}",
                r.pick(&[
                    "Sure! Here is the JSON you asked for:\n",
                    "The result is: ",
                    "Based on the text, I found this.\n\n"
                ])?,
                r.pick(&[
                    "",
                    "\n\nLet me know if you need anything else!",
                    "\nNote: the values are taken from the text."
                ])?
            )
            .into(),
        )
    }),
    ("think", |t, _, r| {
        Some(
            format!(
                "<think>{}</think>\n{t}",
                r.pick(&["The user wants {\"a\": 1}? No.", "Let me see.\nIt should be an object.", "Draft: [1, 2]"])?
            )
            .into(),
        )
    }),
    ("tag", |t, _, _| Some(format!("<tool_call>\n{t}\n</tool_call>").into())),
    ("assignment", |t, _, _| Some(format!("const result = {t};").into())),
    ("byte_order_mark", |t, _, _| Some(format!("\u{feff}{t}").into())),
    ("trailing_comma", |t, s, r| {
        let closers: Vec<usize> = s
            .brackets
            .iter()
            .copied()
            .filter(|&i| matches!(byte(t, i), b'}' | b']') && !matches!(prev(t, i), b'{' | b'['))
            .collect();
        Some(insert(t, last(t, *r.pick(&closers)?), ",").into())
    }),
    ("missing_comma", |t, s, r| Some(cut(t, *r.pick(&s.commas)?, 1).into())),
    ("doubled_comma", |t, s, r| Some(insert(t, *r.pick(&s.commas)?, ",").into())),
    ("semicolon", |t, s, r| Some(swap(t, *r.pick(&s.commas)?, 1, ";").into())),
    ("missing_colon", |t, s, r| Some(cut(t, *r.pick(&s.colons)?, 1).into())),
    ("missing_close_quote", |t, s, r| Some(cut(t, r.pick(&s.strings)?.1 - 1, 1).into())),
    ("missing_open_quote", |t, s, r| Some(cut(t, r.pick(&s.strings)?.0, 1).into())),
    ("missing_key_open_quote", |t, s, r| Some(cut(t, r.pick(&s.keys)?.0, 1).into())),
    ("missing_key_close_quote", |t, s, r| Some(cut(t, r.pick(&s.keys)?.1 - 1, 1).into())),
    ("single_quotes", |t, s, _| requote(t, s, "'", "'")),
    ("smart_quotes", |t, s, _| requote(t, s, "\u{201c}", "\u{201d}")),
    ("smart_close", |t, s, r| Some(swap(t, r.pick(&s.strings)?.1 - 1, 1, "\u{201d}").into())),
    ("backtick", |t, s, r| {
        let (a, b) = *r.pick(&s.strings)?;
        (!t[a..b].contains(['`', '\\'])).then(|| format!("{}`{}`{}", &t[..a], &t[a + 1..b - 1], &t[b..]).into())
    }),
    ("triple_quotes", |t, s, r| {
        let (a, b) = *r.pick(&s.strings)?;
        (!t[a..b].contains('\\')).then(|| format!("{}\"\"{}\"\"{}", &t[..a], &t[a..b], &t[b..]).into())
    }),
    ("unquoted_keys", |t, s, _| {
        let plain = |&(a, b): &(usize, usize)| {
            t[a + 1..b - 1].bytes().all(|x| x.is_ascii_alphanumeric() || x == b'_') && b - a > 2
        };
        let keys: Vec<_> = s.keys.iter().filter(|k| plain(k)).copied().collect();
        (!keys.is_empty()).then(|| rewrite_case(t, &keys, |body| body[1..body.len() - 1].to_owned()))
    }),
    ("unquoted_value", |t, s, r| {
        let plain = |&(a, b): &(usize, usize)| {
            let body = &t[a + 1..b - 1];
            body.len() > 2
                && body.bytes().all(|x| x.is_ascii_alphabetic() || x == b' ')
                && body.trim() == body
                && !["true", "false", "null", "None", "True", "False", "undefined", "nil"].contains(&body)
        };
        let found: Vec<_> = s.strings.iter().filter(|k| plain(k)).copied().collect();
        let spot = *r.pick(&found)?;
        Some(rewrite(t, &[spot], |body| body[1..body.len() - 1].to_owned()).into())
    }),
    ("python_literals", |t, s, _| {
        let words: Vec<_> =
            s.scalars.iter().filter(|&&(a, b)| matches!(&t[a..b], "true" | "false" | "null")).copied().collect();
        (!words.is_empty()).then(|| {
            rewrite_case(t, &words, |w| {
                match w {
                    "true" => "True",
                    "false" => "False",
                    _ => "None",
                }
                .to_owned()
            })
        })
    }),
    ("comments", |t, s, r| {
        let at = *r.pick(&s.commas)? + 1;
        Some(insert(t, at, r.pick(&[" // the next one\n", " /* see above */ ", " # note, with a comma\n"])?).into())
    }),
    ("raw_newline", |t, s, r| spaced(t, s, r, "\n")),
    ("raw_tab", |t, s, r| spaced(t, s, r, "\t")),
    ("bad_escape", |t, s, r| {
        let (a, b) = *r.pick(&s.strings)?;
        let at = inside(t, a, b, r)?;
        let escape = *r.pick(&["\\d", "\\s+", "\\w", "\\(", "\\.", "\\-"])?;
        Some(meant(insert(t, at, escape), insert(t, at, &format!("\\{escape}"))))
    }),
    ("inner_quotes", |t, s, r| inner(t, s, r, "")),
    ("inner_quotes_comma", |t, s, r| inner(t, s, r, ",")),
    ("inner_quotes_end", |t, s, r| {
        let (a, b) = *r.pick(&s.strings)?;
        let body = &t[a + 1..b - 1];
        let space = body.rfind(' ')?;
        let quoted = |mark: &str| {
            format!("{}{mark}{}{mark}{}", &t[..a + 1 + space + 1], &t[a + 1 + space + 1..b - 1], &t[b - 1..])
        };
        (!body.contains('\\') && !body.ends_with(' ')).then(|| meant(quoted("\""), quoted("\\\"")))
    }),
    ("missing_inner_bracket", |t, s, r| {
        let inner: Vec<usize> = s.brackets.iter().copied().filter(|&i| i > 0 && i + 1 < t.len()).collect();
        Some(cut(t, *r.pick(&inner)?, 1).into())
    }),
    ("missing_last_bracket", |t, _, _| Some(t.trim_end()[..t.trim_end().len() - 1].to_owned().into())),
    ("extra_last_bracket", |t, _, _| Some(format!("{t}{}", &t.trim_end()[t.trim_end().len() - 1..]).into())),
    ("swapped_brackets", |t, s, r| {
        let pairs: Vec<usize> = s
            .brackets
            .iter()
            .copied()
            .filter(|&i| matches!((byte(t, i), byte(t, i + 1)), (b'}', b']') | (b']', b'}')))
            .collect();
        let i = *r.pick(&pairs)?;
        Some(format!("{}{}{}{}", &t[..i], &t[i + 1..i + 2], &t[i..i + 1], &t[i + 2..]).into())
    }),
    ("full_width", |t, s, r| {
        if r.below(2) == 0 {
            Some(swap(t, *r.pick(&s.commas)?, 1, "，").into())
        } else {
            Some(swap(t, *r.pick(&s.colons)?, 1, "：").into())
        }
    }),
    ("plus_sign", |t, s, r| {
        let positive: Vec<_> = s.numbers.iter().filter(|&&(a, _)| byte(t, a) != b'-').copied().collect();
        Some(insert(t, r.pick(&positive)?.0, "+").into())
    }),
    ("concatenation", |t, s, r| {
        let (a, b) = *r.pick(&s.strings)?;
        let at = inside(t, a, b, r)?;
        Some(insert(t, at, "\" + \"").into())
    }),
    ("escaped_document", |t, _, _| {
        (t.trim_start().starts_with("{\""))
            .then(|| t.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").into())
    }),
    ("ellipsis", |t, s, r| {
        let closers: Vec<usize> =
            s.brackets.iter().copied().filter(|&i| byte(t, i) == b']' && prev(t, i) != b'[').collect();
        Some(insert(t, last(t, *r.pick(&closers)?), ", ...").into())
    }),
];

fn byte(t: &str, i: usize) -> u8 {
    t.as_bytes().get(i).copied().unwrap_or(0)
}

fn prev(t: &str, i: usize) -> u8 {
    byte(t, last(t, i).saturating_sub(1))
}

/// One past the last byte before `i` that is no white space.
fn last(t: &str, i: usize) -> usize {
    t[..i].trim_end().len()
}

fn insert(t: &str, at: usize, what: &str) -> String {
    format!("{}{what}{}", &t[..at], &t[at..])
}

fn cut(t: &str, at: usize, n: usize) -> String {
    format!("{}{}", &t[..at], &t[at + n..])
}

fn swap(t: &str, at: usize, n: usize, what: &str) -> String {
    format!("{}{what}{}", &t[..at], &t[at + n..])
}

fn rewrite(t: &str, spans: &[(usize, usize)], f: impl Fn(&str) -> String) -> String {
    let mut spans = spans.to_vec();
    spans.sort_unstable();
    let mut out = String::new();
    let mut at = 0;
    for (a, b) in spans {
        out.push_str(&t[at..a]);
        out.push_str(&f(&t[a..b]));
        at = b;
    }
    out + &t[at..]
}

fn rewrite_case(t: &str, spans: &[(usize, usize)], f: impl Fn(&str) -> String) -> Damaged {
    rewrite(t, spans, f).into()
}

/// All quotes of another kind. Bodies stay as they are; a body that holds the new closing quote escapes nothing.
fn requote(t: &str, s: &Spots, open: &str, close: &str) -> Option<Damaged> {
    let all: Vec<_> = s.keys.iter().chain(&s.strings).copied().collect();
    Some(rewrite(t, &all, |body| format!("{open}{}{close}", &body[1..body.len() - 1])).into())
}

/// A place inside a string body that splits neither a character nor an escape.
fn inside(t: &str, a: usize, b: usize, r: &mut Random) -> Option<usize> {
    let body = &t[a + 1..b - 1];
    if body.contains('\\') || body.is_empty() {
        return None;
    }
    let places: Vec<usize> = body.char_indices().map(|(i, _)| a + 1 + i).collect();
    r.pick(&places).copied()
}

fn spaced(t: &str, s: &Spots, r: &mut Random, with: &str) -> Option<Damaged> {
    let wide: Vec<_> =
        s.strings.iter().filter(|&&(a, b)| t[a..b].contains(' ') && !t[a..b].contains('\\')).copied().collect();
    let (a, b) = *r.pick(&wide)?;
    let spaces: Vec<usize> = t[a..b].match_indices(' ').map(|(i, _)| a + i).collect();
    let at = *r.pick(&spaces)?;
    let escaped = if with == "\n" { "\\n" } else { "\\t" };
    Some(meant(swap(t, at, 1, with), swap(t, at, 1, escaped)))
}

/// A word in the middle of a string in unescaped quotes.
fn inner(t: &str, s: &Spots, r: &mut Random, after: &str) -> Option<Damaged> {
    let wide: Vec<_> = s
        .strings
        .iter()
        .filter(|&&(a, b)| t[a..b].matches(' ').count() > 1 && !t[a..b].contains('\\'))
        .copied()
        .collect();
    let (a, b) = *r.pick(&wide)?;
    let spaces: Vec<usize> = t[a..b].match_indices(' ').map(|(i, _)| a + i).collect();
    let n = r.below(spaces.len() - 1);
    let (from, to) = (*spaces.get(n)? + 1, *spaces.get(n + 1)?);
    let quoted = |mark: &str| format!("{}{mark}{}{mark}{after}{}", &t[..from], &t[from..to], &t[to..]);
    (to > from).then(|| meant(quoted("\""), quoted("\\\"")))
}
