//! Numbers of things in messages.

use std::fmt;

/// A number of things, such as `1 image` and `25 images`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted<'a> {
    count: u64,
    noun: &'a str,
}

/// `count` things of the name `noun`, which is singular and has a regular plural.
pub fn counted<N: TryInto<u64>>(count: N, noun: &str) -> Counted<'_> {
    Counted {
        count: count.try_into().unwrap_or(u64::MAX),
        noun,
    }
}

impl fmt::Display for Counted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.count == 1 { "" } else { "s" };
        write!(f, "{} {}{plural}", self.count, self.noun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_singular() {
        let texts = [0_u64, 1, 2].map(|count| counted(count, "image").to_string());
        assert_eq!(texts, ["0 images", "1 image", "2 images"]);
    }
}
