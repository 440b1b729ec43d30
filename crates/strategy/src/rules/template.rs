//! The file that `plimsoll strategy new` writes to begin with.

/// An annotated rule file that works as it is.
#[must_use]
pub fn template(name: &str) -> String {
    include_str!("template.yaml").replace("NAME", name)
}
