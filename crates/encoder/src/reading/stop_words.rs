//! English and Chinese words that say nothing about an image.

use super::TextContent;
use super::letters::{is_han, is_word, letters};

/// English words that only join others, and the words for images themselves, which fit every image.
const ENGLISH: &str = "a about also am an and any are as at be been being both but by can could did do does each every \
    everything few find for from get give had has have having he her here him his how i if in into is it its just \
    look many me might mine more most much must my of on only onto or other our please see shall she should show so \
    some something such than that the their them then there these they this those to too us very was we were what \
    when where which who whom whose why will with would you your anything \
    image images photo photograph photographs photos pic pics picture pictures snapshot snapshots";
/// Words that turn the meaning of others around; alone they say nothing either.
const NEGATIONS: &str = "no not without never none nothing 不 没 没有 不是 沒 沒有";
/// Chinese words of both kinds, in simplified and traditional characters.
const CHINESE: &str = "的 了 是 在 和 与 與 及 或 有 我 你 您 他 她 它 们 們 这 這 那 哪 这个 這個 那个 那個 这些 這些 那些 \
    一 一个 一個 一张 一張 一幅 一些 个 個 张 張 很 非常 小 大 请 請 找 给 給 看 搜索 显示 顯示 吧 吗 嗎 呢 啊 着 著 地 得 之 \
    也 都 就 还 還 又 把 被 从 從 到 对 對 为 為 以 于 於 什么 什麼 谁 誰 怎么 怎麼 图片 圖片 照片 相片 图像 圖像 图 圖";
/// Characters of the longest Chinese stop word.
const LONGEST: usize = 2;

/// Whether a text has a word that is not a stop word.
pub fn content(text: &str) -> TextContent {
    let letters = letters(text);
    let mut words = letters.split(|c| *c == ' ');
    if words.any(has_content) {
        TextContent::Some
    } else {
        TextContent::None
    }
}

/// The first word of a text that turns the meaning of others around, in a text that has other words as well.
pub fn negation(text: &str) -> Option<String> {
    let letters = letters(text);
    let negates = |word: &&[char]| {
        let word: String = word.iter().collect();
        NEGATIONS.split_ascii_whitespace().any(|known| known == word)
    };
    // Within a Chinese word, a single character may mean something else.
    let chinese = |pair: &&[char]| negates(pair) && pair.iter().all(|c| is_han(*c));
    let mut words = letters.split(|c| *c == ' ');
    let found = words
        .find(negates)
        .or_else(|| letters.windows(LONGEST).find(chinese))?;
    (content(text) == TextContent::Some).then(|| found.iter().collect())
}

/// Whether a lower-case word, which has no Chinese characters, only joins others.
pub fn is_link(word: &str) -> bool {
    ENGLISH.split_ascii_whitespace().any(|known| known == word)
}

/// Length of the Chinese stop word that `letters` begin with, if they do. Negations do not count.
pub fn chinese_link(letters: &[char]) -> Option<usize> {
    chinese_prefix(letters, CHINESE)
}

/// A word between spaces; Chinese stop words in it may follow each other.
fn has_content(word: &[char]) -> bool {
    let mut at = 0;
    while at < word.len() {
        let length = if is_han(word[at]) {
            chinese_prefix(&word[at..], CHINESE).or_else(|| chinese_prefix(&word[at..], NEGATIONS))
        } else {
            let length = latin_length(&word[at..]);
            let latin: String = word[at..at + length].iter().collect();
            let is_negation = || NEGATIONS.split_ascii_whitespace().any(|known| known == latin);
            (is_link(&latin) || is_negation()).then_some(length)
        };
        let Some(length) = length else {
            return true;
        };
        at += length;
    }
    false
}

/// Length of the run of letters other than Chinese at the beginning.
pub fn latin_length(letters: &[char]) -> usize {
    let latin = letters.iter().take_while(|c| is_word(**c) && !is_han(**c));
    latin.count()
}

fn chinese_prefix(letters: &[char], words: &str) -> Option<usize> {
    (1..=LONGEST.min(letters.len())).rev().find(|length| {
        let prefix: String = letters[..*length].iter().collect();
        words.split_ascii_whitespace().any(|known| known == prefix)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negations_beside_content_are_found() {
        for (text, found) in [
            ("no dog", "no"),
            ("a street WITHOUT cars", "without"),
            ("没有狗的街道", "没有"),
            ("街道 不 狗", "不"),
        ] {
            assert_eq!(negation(text).as_deref(), Some(found), "{text:?}");
        }
        for text in ["nose", "without", "不锈钢", "a notebook", "dog"] {
            assert_eq!(negation(text), None, "{text:?}");
        }
    }

    #[test]
    fn stop_words_have_no_content() {
        for text in [
            "",
            "-",
            "a",
            "The",
            "of the",
            "picture",
            "a photo of",
            "show me a picture",
            "not",
            "的",
            "一张照片",
            "這是圖片",
            "… 。",
            "Ｔｈｅ",
            "this is a",
            "请给我看图片",
        ] {
            assert_eq!(content(text), TextContent::None, "{text:?}");
        }
        for text in [
            "dog",
            "a dog",
            "图书馆",
            "七",
            "7",
            "x",
            "🐶",
            "über",
            "犬と猫",
            "有趣",
            "the 狗",
        ] {
            assert_eq!(content(text), TextContent::Some, "{text:?}");
        }
    }
}
