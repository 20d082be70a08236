//! The names of all changes, each with its risk.
//!
//! A change that cannot alter any parsed value is lossless and allowed in every mode; the others need `safe`.

use crate::record::Risk;
use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident $risk:ident),* $(,)?) => {
        /// What a repair did. The serialised name is the snake case of the variant.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Code { $($(#[$doc])* $name),* }

        impl Code {
            /// What the change could cost.
            #[must_use]
            pub const fn risk(self) -> Risk {
                match self { $(Code::$name => Risk::$risk),* }
            }

            /// All codes, for tables and documentation.
            pub const ALL: &'static [Code] = &[$(Code::$name),*];
        }
    };
}

codes! {
    /// Text around the document (prose, fence, tag, draft, assignment) was dropped.
    Wrapper Lossless,
    /// A byte order mark or a space that JSON does not know was dropped or replaced.
    Space Lossless,
    /// A comment was dropped.
    Comment Lossless,
    /// A comma was dropped: trailing, leading or doubled.
    ExtraComma Lossless,
    /// A comma was written between two members or elements.
    MissingComma Lossless,
    /// A colon was written between key and value.
    MissingColon Low,
    /// Full-width or foreign punctuation was replaced.
    Punctuation Lossless,
    /// Single, smart, triple or back-tick quotes became quotes.
    Quotes Lossless,
    /// A bare key was quoted.
    BareKey Lossless,
    /// A bare value was quoted.
    BareString Low,
    /// A missing quote was written.
    MissingQuote Low,
    /// A quote inside a string was escaped.
    InnerQuote Low,
    /// A backslash that escapes nothing was doubled, or an escape of another language was translated.
    Escape Lossless,
    /// A raw control character in a string was escaped.
    ControlCharacter Lossless,
    /// A literal of another language (`True`, `None`, `undefined`) was translated.
    Literal Lossless,
    /// A number in a foreign spelling (`+1`, `.5`, `5.`, `1_000`, `1,234.50`) was rewritten.
    Number Lossless,
    /// Strings joined by `+` were joined.
    Concatenation Lossless,
    /// An ellipsis was dropped.
    Ellipsis Medium,
    /// A bracket was written.
    MissingBracket Medium,
    /// A bracket was dropped.
    ExtraBracket Medium,
    /// A bracket was replaced, or two were swapped.
    WrongBracket Medium,
    /// An answer in another notation (YAML, tags, a call, a table) was rewritten.
    Notation Medium,
    /// Documents one after the other were joined into the list that the schema asks for.
    Joined Medium,
    /// A document inside a string, or escaped as a whole, was decoded.
    Decoded Low,
    /// A key was renamed to the declared one.
    RenamedKey Medium,
    /// A key was renamed to the declared one, as was confirmed before.
    Alias Medium,
    /// A key was respelled: case style or separators only.
    KeyStyle Low,
    /// An enum member was respelled: case, spaces or punctuation only.
    EnumStyle Low,
    /// An enum member was taken for an inflection, a typing error or a phrase that contains it.
    EnumNear Medium,
    /// A value was converted to the declared type without loss.
    Type Low,
    /// A placeholder for nothing (`N/A`) became null.
    NullWord Low,
    /// A null that the schema does not allow was dropped, so that the optional member is absent.
    NullDropped Low,
    /// A value was wrapped in, or taken out of, an array of one.
    ArrayOfOne Low,
    /// A list, a map or a group of members in another form (numbered members, pairs, one level more or less) was
    /// rewritten.
    Regrouped Medium,
    /// An envelope around the value was taken off.
    Envelope Medium,
    /// An envelope that the schema asks for and the text left out was written around the value.
    MissingEnvelope Medium,
    /// The schema's own frame around the values was taken off.
    SchemaEcho Medium,
    /// A member that the schema forbids was dropped.
    ExtraMember Medium,
    /// A member that repeats an equal member was dropped.
    DuplicateMember Lossless,
    /// A date, number or code was respelled in the form that the schema's pattern asks for.
    Format Low,
    /// Space around a string was dropped because the schema forbids it.
    Trimmed Low,
}
