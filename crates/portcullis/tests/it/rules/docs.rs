//! What `docs/rules-format.md` says, held to.

use super::{ok, repository};
use crate::harness::root;

/// The code blocks of a kind, in order.
fn blocks<'a>(text: &'a str, kind: &str) -> Vec<&'a str> {
    let fence = format!("```{kind}\n");
    text.split(fence.as_str()).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn every_example_is_read_and_every_mistake_is_one() {
    let text = std::fs::read_to_string(root().join("docs/rules-format.md")).unwrap();
    let examples = blocks(&text, "rules");
    assert!(examples.len() >= 3, "{}", examples.len());
    for example in examples {
        let place = repository(example);
        ok(&place, &["rules", "build", "-C", "my-repo"]);
    }
    // A line of the table is `| `line` | what is said |`.
    let wrong = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | ")).collect::<Vec<_>>();
    assert!(wrong.len() >= 8, "{wrong:?}");
    for (line, said) in wrong {
        let place = repository(&format!("{line}\n"));
        let run = place.run(&["rules", "build", "-C", "my-repo"]);
        let said = said.trim_end_matches(" |");
        let is_error = !said.starts_with("warning");
        assert_eq!(run.code, if is_error { 2 } else { 0 }, "{line}: {}", run.stderr);
        let words = said.trim_start_matches("warning: ");
        assert!(run.stderr.contains(words), "{line}: `{words}` is not said: {}", run.stderr);
    }
}

/// The grammar for editors takes the words that the reader takes.
#[test]
fn the_grammar_for_editors_is_a_json_of_patterns() {
    let text = std::fs::read_to_string(root().join("editors/portcullis-rules.tmLanguage.json")).unwrap();
    let grammar: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(grammar["scopeName"], "source.portcullis-rules");
    assert_eq!(grammar["fileTypes"], serde_json::json!(["pysec", "rules"]));
}
