//! Help, deprecated commands, and invalid arguments.

use std::process::{Command, Output};

fn eidetic(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_eidetic"))
        .args(arguments)
        .output()
        .expect("the binary starts")
}

#[test]
fn help_names_commands_and_exit_codes() {
    let help = eidetic(&["--help"]);
    let text = String::from_utf8_lossy(&help.stdout).into_owned();
    assert_eq!(help.status.code(), Some(0));
    for word in [
        "demo",
        "index",
        "watch",
        "search",
        "serve",
        "embed",
        "bench",
        "status",
        "tag",
        "models",
        "verify",
        "align",
        "space",
        "Exit codes",
    ] {
        assert!(text.contains(word), "{word} is missing in:\n{text}");
    }
    assert!(!text.contains("\n  model "), "`model` is a hidden alias:\n{text}");
}

#[test]
fn model_command_is_deprecated_alias_of_space() {
    let run = |command| eidetic(&[command, "list", "--library", "/no/such/library"]);
    let (old, new) = (run("model"), run("space"));
    let (old_stderr, new_stderr) = (
        String::from_utf8_lossy(&old.stderr),
        String::from_utf8_lossy(&new.stderr),
    );
    let (note, rest) = old_stderr.split_once('\n').expect("a note and an error");
    assert!(
        note.contains("deprecated") && note.contains("eidetic space"),
        "{note}"
    );
    assert_eq!((rest, old.status.code()), (&*new_stderr, new.status.code()));
    assert!(!new_stderr.contains("deprecated"), "{new_stderr}");
}

#[test]
fn invalid_arguments_exit_with_code_2() {
    let cases: &[(&[&str], &str)] = &[
        (&["search"], "nothing to search for"),
        (&["search", "cat", "-k", "0"], "0"),
        (&["search", "cat", "--after", "yesterday"], "yesterday"),
        (&["search", "cat", "--text-weight", "2"], "between 0 and 1"),
        (&["search", "--image-id", "xyz"], "64 hexadecimal digits"),
        (
            &["index", "--model", "builtin", "/no/such/folder"],
            "/no/such/folder",
        ),
        (&["embed", "--model", "builtin"], "nothing to embed"),
        (
            &["bench", "index", "--vectors", "/no/such/file", "--queries", "/x"],
            "/no/such/file",
        ),
        (&["tag", "--min-confidence", "1.5"], "between 0 and 1"),
        (&["tag", "-n", "0"], "0"),
        (&["tag", "--vocabulary", "/no/such/file"], "/no/such/file"),
        (&["frobnicate"], "frobnicate"),
    ];
    for (arguments, mention) in cases {
        let output = eidetic(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(mention), "{arguments:?}: {stderr}");
    }
}
