//! Words for pictures that are shown although their file is damaged.

/// What is said of a picture of which `read` of `total` pixels or bytes could be read; none if all could.
pub fn of_part(read: u64, total: u64) -> Option<String> {
    if read >= total {
        return None;
    }
    // Neither "0 %" of a picture that is shown nor "100 %" of one that lacks something.
    let percent = (u128::from(read) * 100 / u128::from(total)).clamp(1, 99);
    Some(format!("only {percent} % of the picture could be read"))
}

/// What is said where the missing part cannot be measured.
pub fn of_unknown_part() -> String {
    "only a part of the picture could be read".to_owned()
}

/// What is said where every pixel was read, yet checksums are wrong or the end of the file is missing.
pub fn beside_picture() -> String {
    "the file is damaged, though its whole picture could be read".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_said_in_percent() {
        assert_eq!(of_part(10, 10), None);
        assert_eq!(
            of_part(6, 10).as_deref(),
            Some("only 60 % of the picture could be read")
        );
        assert_eq!(
            of_part(1, 1000).as_deref(),
            Some("only 1 % of the picture could be read")
        );
        assert_eq!(
            of_part(999, 1000).as_deref(),
            Some("only 99 % of the picture could be read")
        );
    }
}
