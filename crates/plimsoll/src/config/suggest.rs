//! What a user who mistyped a key may have meant.

use super::settings::{SECTIONS, Section, Shape};

/// The nearest of `words`, if it is near: one edit, or one for every three letters.
pub(crate) fn nearest(typed: &str, words: &[&str]) -> Option<String> {
    let typed = plain(typed);
    let distance = |word: &str| strsim::damerau_levenshtein(&typed, &plain(word));
    let (distance, word) = words.iter().map(|word| (distance(word), *word)).min()?;
    (distance <= 1.max(word.len() / 3)).then(|| word.to_owned())
}

/// Case and the choice between `-`, `_` and a space are not typing errors worth counting.
fn plain(text: &str) -> String {
    text.chars().take(100).collect::<String>().to_lowercase().replace(['-', ' '], "_")
}

/// A section for a key found at the top level, or the place of a setting that belongs into a section.
pub(crate) fn section(typed: &str) -> Option<String> {
    let names: Vec<&str> = SECTIONS.iter().map(|section| section.name).collect();
    nearest(typed, &names).or_else(|| elsewhere(typed))
}

/// A key of this section, or the place of a setting that belongs into another one.
pub(crate) fn setting(section: &Section, typed: &str) -> Option<String> {
    let keys: Vec<&str> = section.settings.iter().map(|setting| setting.key).collect();
    nearest(typed, &keys).or_else(|| elsewhere(typed))
}

fn elsewhere(typed: &str) -> Option<String> {
    let typed = typed.rsplit('.').next().unwrap_or(typed);
    // Where a key is both in a section and in the items of a list, the section is the likelier place.
    let mut homes = SECTIONS.iter().filter(|section| section.setting(typed).is_some());
    let home = homes.clone().find(|section| section.shape == Shape::Single).or_else(|| homes.next())?;
    let list = if home.shape == Shape::List { "[]" } else { "" };
    Some(format!("{}{list}.{typed}", home.name))
}
