/// How many words of a query count; a whole pasted page is no query.
const WORDS_MAX: usize = 32;

/// How many characters of one word count.
const WORD_CHARS_MAX: usize = 64;

/// The words of a text, in its order, each once.
pub(crate) fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let word: String = word.chars().take(WORD_CHARS_MAX).collect();
        if !words.contains(&word) {
            words.push(word);
        }
        if words.len() == WORDS_MAX {
            break;
        }
    }
    words
}

/// An FTS5 query for documents with all of the words.
pub(super) fn all(words: &[String]) -> String {
    quoted(words).join(" ")
}

/// An FTS5 query for documents with any of the words.
pub(super) fn any(words: &[String]) -> String {
    quoted(words).join(" OR ")
}

/// Quoted, so that nothing in a query is an operator of FTS5. Words have no quotes inside.
fn quoted(words: &[String]) -> Vec<String> {
    words.iter().map(|word| format!("\"{word}\"")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_query_is_an_operator() {
        assert_eq!(
            words("a NEAR(b, 5) \"c\"* -d col:e ^f (g"),
            ["a", "NEAR", "b", "5", "c", "d", "col", "e", "f", "g"]
        );
        assert_eq!(all(&words("AND OR \"x")), "\"AND\" \"OR\" \"x\"");
        assert_eq!(any(&words("x y")), "\"x\" OR \"y\"");
    }

    #[test]
    fn nothing_but_signs_is_no_word() {
        assert!(words("  \"'*()-:^ \r\n").is_empty());
    }

    #[test]
    fn a_page_is_cut() {
        let page = (0..100).map(|n| format!("word{n} ")).collect::<String>();
        assert_eq!(words(&page).len(), WORDS_MAX);
        assert_eq!(words(&"x".repeat(1_000))[0].len(), WORD_CHARS_MAX);
    }
}
