//! Tags: `<result><a>1</a></result>`, and the calls that agents write in tags (`<invoke name="f"><parameter name="a">`,
//! `<function=f><parameter=a>`).
//!
//! An element is a member under its label, or its name where it has none; elements of one name are a list. Texts stay
//! texts: the schema says which are numbers.
//!
//! What never happens here: no web page. A text that is HTML holds no answer.

use crate::document::encode;

/// Elements nested deeper than this are no answer.
const DEPTH_MAX: usize = 24;
const PAGE: [&str; 10] = ["html", "head", "body", "div", "p", "span", "table", "ul", "!doctype", "svg"];

#[derive(Debug, Default)]
struct Element {
    name: String,
    label: Option<String>,
    attributes: Vec<(String, String)>,
    children: Vec<Element>,
    text: String,
}

pub(super) fn forms(text: &str) -> Vec<String> {
    if !text.starts_with('<') || !text.ends_with('>') {
        return Vec::new();
    }
    let mut reader = Reader { rest: text };
    let Some(roots) = reader.elements(None, 0).map(|(children, _)| children).filter(|_| reader.rest.is_empty()) else {
        return Vec::new();
    };
    let is_page = |root: &Element| PAGE.contains(&root.name.to_lowercase().as_str());
    if roots.iter().any(|root| is_page(root) || crate::announce::names_no_answer(&root.name)) {
        return Vec::new();
    }
    let framed = object(&roots);
    match roots.as_slice() {
        [] => Vec::new(),
        [only] if only.children.is_empty() && only.attributes.is_empty() => Vec::new(),
        [only] => {
            let inner = only.json();
            let mut said = vec![inner.clone(), framed];
            if let Some(call) = &only.label {
                said.push(format!("{{\"name\":{},\"arguments\":{inner}}}", encode(call)));
            }
            said
        }
        _ => vec![framed],
    }
}

impl Element {
    fn key(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.name)
    }

    fn json(&self) -> String {
        if self.children.is_empty() {
            if self.text.trim().is_empty() && !self.attributes.is_empty() {
                let members: Vec<String> =
                    self.attributes.iter().map(|(k, v)| format!("{}:{}", encode(k), encode(v))).collect();
                return format!("{{{}}}", members.join(","));
            }
            let text = self.text.trim();
            return if text.starts_with(['{', '[']) { text.to_owned() } else { encode(&decoded(text)) };
        }
        let first = self.children.first().map_or("", Element::key);
        let alike = self.children.iter().all(|child| child.key() == first);
        let listed = self.children.len() > 1
            || matches!(first, "item" | "li" | "entry" | "element")
            || self.key() == format!("{first}s");
        if alike && listed {
            let items: Vec<String> = self.children.iter().map(Element::json).collect();
            return format!("[{}]", items.join(","));
        }
        object(&self.children)
    }
}

/// The elements as members; those of one name in a list.
fn object(elements: &[Element]) -> String {
    let mut keys: Vec<&str> = Vec::new();
    for element in elements {
        if !keys.contains(&element.key()) {
            keys.push(element.key());
        }
    }
    let members: Vec<String> = keys
        .iter()
        .map(|key| {
            let own: Vec<String> = elements.iter().filter(|e| e.key() == *key).map(Element::json).collect();
            let value = if own.len() == 1 { own.concat() } else { format!("[{}]", own.join(",")) };
            format!("{}:{value}", encode(key))
        })
        .collect();
    format!("{{{}}}", members.join(","))
}

struct Reader<'t> {
    rest: &'t str,
}

impl<'t> Reader<'t> {
    /// The elements and the text up to the closing tag of `parent`, or up to the end.
    fn elements(&mut self, parent: Option<&str>, depth: usize) -> Option<(Vec<Element>, String)> {
        let mut children = Vec::new();
        let mut text = String::new();
        loop {
            let Some((before, from)) = self.rest.find('<').and_then(|at| self.rest.split_at_checked(at)) else {
                text.push_str(self.rest);
                self.rest = "";
                let blank = text.trim().is_empty();
                return (parent.is_none() && blank).then_some((children, text));
            };
            text.push_str(before);
            if let Some(tail) = from.strip_prefix("</") {
                let (name, rest) = tail.split_once('>')?;
                self.rest = rest;
                return (Some(name.trim()) == parent).then_some((children, text));
            }
            let end = from.find('>')?;
            let (head, rest) = (from.get(1..end)?, from.get(end + 1..)?);
            self.rest = rest;
            if head.starts_with(['?', '!']) {
                continue;
            }
            children.push(self.element(head, depth)?);
        }
    }

    fn element(&mut self, head: &str, depth: usize) -> Option<Element> {
        let (head, closed) = head.strip_suffix('/').map_or((head, false), |head| (head, true));
        let name_end =
            head.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':'))).unwrap_or(head.len());
        let (name, rest) = head.split_at_checked(name_end)?;
        if name.is_empty() || depth > DEPTH_MAX {
            return None;
        }
        let mut element = Element { name: name.to_owned(), ..Element::default() };
        if let Some(label) = rest.strip_prefix('=') {
            element.label = Some(label.trim_matches(['"', '\'', ' ']).to_owned());
        } else {
            element.attributes = attributes(rest)?;
            let label = element.attributes.iter().position(|(key, _)| matches!(key.as_str(), "name" | "key"));
            element.label = label.map(|at| element.attributes.remove(at).1);
        }
        if !closed {
            (element.children, element.text) = self.elements(Some(name), depth + 1)?;
        }
        if element.children.is_empty()
            && element.text.trim().is_empty()
            && let Some(label) = element.label.take_if(|_| !element.attributes.is_empty())
        {
            element.attributes.insert(0, ("name".to_owned(), label));
        }
        // Words beside elements are prose with tags, not data.
        (element.children.is_empty() || element.text.trim().is_empty()).then_some(element)
    }
}

/// `a="1" b='2'`.
fn attributes(text: &str) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (key, tail) = rest.split_once('=')?;
        let quote = tail.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, behind) = tail.get(1..)?.split_once(quote)?;
        found.push((key.trim().to_owned(), decoded(value)));
        rest = behind.trim();
    }
    Some(found)
}

/// Text with its five named entities written out.
fn decoded(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}
