//! What is encrypted is nowhere else, and opens with its key only.

use std::{fs, io, io::Write};

use proptest::prelude::*;
use swarm_core::{
    evaluate::{Finding, Score, Verdict},
    outcome::ExitReason,
    prompt::Piece,
    refs::{FindingStamp, Judged, RefError, RefStore as _, ValidatedStamp},
    report::resolve_stamps,
    runtime::OutputStream::{Stderr, Stdout},
};
use swarm_refs::Part;

use crate::support::{TestStore, ended, holding, id, tried, wrote};

const CANARY: &str = "tweet-tweet-7f3a";

#[tokio::test]
async fn no_plaintext_is_left_in_any_run() {
    let store = TestStore::new();
    let mut recording = store.begin("run/a", &[]).await.unwrap();
    recording.write(Stdout, CANARY.as_bytes()).await.unwrap();
    recording
        .write(Stderr, format!("failed: {CANARY}").as_bytes())
        .await
        .unwrap();
    recording
        .egress(&[tried(&format!("{CANARY}.example"))])
        .await
        .unwrap();
    recording
        .artifacts(&[wrote(&format!("/{CANARY}.txt"))])
        .await
        .unwrap();
    let mut end = ended(ExitReason::Failed { code: 2 });
    end.error = Some(recording.stderr_tail());
    recording.finish(end).await.unwrap();
    store.unwrap(&id("run/a")).await.unwrap();
    store.inspect(&id("run/a")).await.unwrap();
    store.record("run/b", &["run/a"], "something else").await;
    store.record("other/c", &["run/a"], "something else").await;
    drop(store.begin("other/died", &["run/a"]).await.unwrap());
    let before = holding(store.home(), CANARY);
    assert!(before.len() >= 9, "{before:?}");

    let sealed = store.encrypt(&id("run/a")).await.unwrap();
    assert_eq!(
        holding(store.home(), CANARY),
        [""; 0].map(std::path::PathBuf::from)
    );
    assert_eq!(
        store.decrypted("run/a", &sealed.key_id).await.unwrap(),
        CANARY.as_bytes()
    );
    // Reading it leaves nothing behind, nor does looking at it.
    store.inspect(&id("run/a")).await.unwrap();
    store.inspect(&id("run/b")).await.unwrap();
    assert_eq!(holding(store.home(), CANARY).len(), 0);

    let found = store.get(&id("run/a")).await.unwrap();
    assert_eq!(found.stamps.encrypted.unwrap().key_id, sealed.key_id);
    assert_eq!(found.exit, ExitReason::Failed { code: 2 });
    assert!(found.error.unwrap().contains("encrypted"));
    assert_eq!(found.size, CANARY.len() as u64);
}

#[tokio::test]
async fn what_is_encrypted_is_read_by_nobody_and_quoted_in_no_prompt() {
    let store = TestStore::new();
    store.record("run/a", &[], CANARY).await;
    let key = store.encrypt(&id("run/a")).await.unwrap().key_id;
    let errors = [
        store.text(&id("run/a")).await.unwrap_err(),
        store.unwrap(&id("run/a")).await.unwrap_err(),
        store.begin("run/b", &["run/a"]).await.err().unwrap(),
        store.encrypt(&id("run/a")).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, RefError::Encrypted { .. }), "{error}");
        assert!(
            !error.to_string().contains(&key),
            "the key id is shown: {error}"
        );
    }
    assert!(!store.layout().record(&id("run/b")).exists());
    let inspected = store.inspect(&id("run/a")).await.unwrap();
    assert!(inspected.has_partial_output);
    let report = fs::read_to_string(inspected.file).unwrap();
    assert!(
        report.contains("- encrypted") && !report.contains(CANARY),
        "{report}"
    );
}

#[tokio::test]
async fn a_key_that_is_wrong_or_missing_is_a_typed_error() {
    let store = TestStore::new();
    store.record("run/a", &[], "a").await;
    store.record("run/b", &[], "b").await;
    let missing = store.decrypted("run/x", "0123456789ab").await;
    assert!(matches!(missing, Err(RefError::NotFound(_))), "{missing:?}");
    let open = store.decrypted("run/a", "0123456789ab").await;
    assert!(matches!(open, Err(RefError::NotEncrypted(_))), "{open:?}");

    let a = store.encrypt(&id("run/a")).await.unwrap().key_id;
    let b = store.encrypt(&id("run/b")).await.unwrap().key_id;
    assert_ne!(a, b, "each encryption has a key of its own");
    for other in [b.as_str(), "0123456789ab"] {
        let wrong = store.decrypted("run/a", other).await.unwrap_err();
        assert!(matches!(wrong, RefError::WrongKey { .. }), "{wrong}");
        assert!(
            !wrong.to_string().contains(&a),
            "the right key id is shown: {wrong}"
        );
    }
    let keys = store.layout().keys();
    fs::copy(keys.join(&b), keys.join(&a)).unwrap();
    let swapped = store.decrypted("run/a", &a).await;
    assert!(matches!(swapped, Err(RefError::Io { .. })), "{swapped:?}");
    fs::remove_file(keys.join(&a)).unwrap();
    let gone = store.decrypted("run/a", &a).await;
    assert!(matches!(gone, Err(RefError::KeyNotFound(_))), "{gone:?}");
}

#[tokio::test]
async fn a_changed_ciphertext_does_not_open() {
    let store = TestStore::new();
    let long = "0123456789abcdef".repeat(200_000);
    store.record("run/a", &[], &long).await;
    store.record("run/b", &[], &long).await;
    let key = store.encrypt(&id("run/a")).await.unwrap().key_id;
    let file = store.file(&id("run/a"), "text.sealed");
    let genuine = fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = genuine.lines().collect();
    assert_eq!(lines.len(), 1 + 4);
    let changed = genuine.replacen("gAAAA", "gAAAB", 1);
    let cut = lines[..3].join("\n") + "\n";
    let swapped = [lines[0], lines[2], lines[1], lines[3], lines[4]].join("\n") + "\n";
    for tampered in [changed, cut, swapped, String::new(), "x\n".to_owned()] {
        fs::write(&file, tampered).unwrap();
        let refused = store.decrypted("run/a", &key).await;
        assert!(
            matches!(refused, Err(RefError::Corrupt { .. })),
            "{refused:?}"
        );
    }
    fs::write(&file, &genuine).unwrap();
    assert!(store.decrypted("run/a", &key).await.unwrap() == long.as_bytes());
    fs::remove_file(&file).unwrap();
    let gone = store.decrypted("run/a", &key).await;
    assert!(matches!(gone, Err(RefError::Corrupt { .. })), "{gone:?}");
}

#[tokio::test]
async fn the_error_of_an_agent_without_an_answer_is_sealed_with_every_prompt_that_quotes_it() {
    let store = TestStore::new();
    store.record_failure("run/attempt-1", CANARY).await;
    let prompt = vec![Piece::Error(id("run/attempt-1"))];
    let recording = store.begin_with("run/attempt-2", prompt).await.unwrap();
    assert_eq!(recording.prompt().read().unwrap(), CANARY.as_bytes());
    recording
        .finish(ended(ExitReason::Completed))
        .await
        .unwrap();

    let key = store.encrypt(&id("run/attempt-1")).await.unwrap().key_id;
    assert_eq!(holding(store.home(), CANARY).len(), 0);
    for (at, part) in [
        ("run/attempt-1", Part::Error),
        ("run/attempt-2", Part::Prompt),
    ] {
        let mut sealed = Vec::new();
        store
            .decrypt_part(&id(at), &key, part, &mut sealed)
            .unwrap();
        assert_eq!(sealed, CANARY.as_bytes(), "{part:?}");
    }
    assert_eq!(store.decrypted("run/attempt-1", &key).await.unwrap(), b"");

    // A later attempt still runs; it is told that there was an error.
    let prompt = vec![Piece::Error(id("run/attempt-1"))];
    let recording = store.begin_with("run/attempt-3", prompt).await.unwrap();
    let told = recording.prompt().read().unwrap();
    assert_eq!(told, b"the message is encrypted with the result");
}

/// A record of somebody who judged `of`, said `word`, and found an issue that says it as well.
async fn judged(store: &TestStore, at: &str, of: &str, word: &str) {
    let prompt = vec![Piece::Unfenced(id(of)), Piece::ContentHash(id(of))];
    let mut recording = store.begin_with(at, prompt).await.unwrap();
    let answer = format!("INVALID: {word}");
    recording.write(Stdout, answer.as_bytes()).await.unwrap();
    let mut end = ended(ExitReason::Completed);
    end.stamps.finding = Some(FindingStamp {
        finding: Finding::Judgement {
            verdict: Verdict::Invalid,
            score: Score::ZERO,
        },
        words: vec![format!("it says {word}"), "and more".to_owned()],
        are_reasons: false,
    });
    recording.finish(end).await.unwrap();
    let stamp = ValidatedStamp {
        validated_as: "note".to_owned(),
        validation_verdict: Verdict::Invalid,
        validation_score: Score::ZERO,
        validation_ref: Some(id(at)),
        validation_issues: Vec::new(),
    };
    let judged = Judged {
        validated: Some(stamp),
        search: None,
    };
    store.stamp(&id(of), judged).await.unwrap();
}

#[tokio::test]
async fn the_words_of_who_judged_are_sealed_with_their_text_and_every_prompt_that_quotes_them() {
    let store = TestStore::new();
    store.record("run/iter-1", &[], "something").await;
    judged(&store, "run/iter-1.score-0", "run/iter-1", CANARY).await;
    let quoting = || vec![Piece::Words(id("run/iter-1.score-0"))];
    let recording = store.begin_with("run/iter-2", quoting()).await.unwrap();
    let told = recording.prompt().read().unwrap();
    assert_eq!(
        String::from_utf8(told).unwrap(),
        format!("- it says {CANARY}\n- and more")
    );
    recording
        .finish(ended(ExitReason::Completed))
        .await
        .unwrap();
    store.inspect(&id("run/iter-1.score-0")).await.unwrap();
    assert!(holding(store.home(), CANARY).len() >= 3);

    let key = store
        .encrypt(&id("run/iter-1.score-0"))
        .await
        .unwrap()
        .key_id;
    assert_eq!(
        holding(store.home(), CANARY),
        [""; 0].map(std::path::PathBuf::from)
    );
    let mut words = Vec::new();
    store
        .decrypt_part(&id("run/iter-1.score-0"), &key, Part::Words, &mut words)
        .unwrap();
    assert_eq!(
        String::from_utf8(words).unwrap(),
        format!("it says {CANARY}\nand more")
    );
    // What it found counts still, and who shows what was judged says that the words are sealed.
    let mut found = store.get(&id("run/iter-1")).await.unwrap();
    resolve_stamps(&mut found, &*store).await.unwrap();
    let stamp = found.stamps.validated.unwrap();
    assert_eq!(stamp.validation_verdict, Verdict::Invalid);
    assert_eq!(
        stamp.validation_issues,
        ["what it says is encrypted with the result"]
    );
    let recording = store.begin_with("run/iter-3", quoting()).await.unwrap();
    assert_eq!(
        recording.prompt().read().unwrap(),
        b"- what it says is encrypted with the result"
    );
}

#[tokio::test]
async fn the_prompt_of_who_judged_is_sealed_with_what_was_judged() {
    let store = TestStore::new();
    let text = format!("```\n{CANARY}\n```\n");
    store.record("run/a", &[], &text).await;
    judged(&store, "run/score-0", "run/a", "nothing of it").await;
    let prompt = fs::read(store.file(&id("run/score-0"), "prompt.txt")).unwrap();
    assert!(
        String::from_utf8(prompt)
            .unwrap()
            .starts_with(&format!("{CANARY}\n"))
    );
    store.encrypt(&id("run/a")).await.unwrap();
    assert_eq!(holding(store.home(), CANARY).len(), 0);
    let again = store
        .begin_with("run/score-1", vec![Piece::Unfenced(id("run/a"))])
        .await;
    assert!(matches!(again, Err(RefError::Encrypted { .. })));
}

#[tokio::test]
async fn a_transcript_is_sealed_with_the_answer_that_was_taken_out_of_it() {
    let store = TestStore::new();
    for (at, repeat) in [("run/short", 1), ("run/long", 10_000)] {
        let answer = format!("{CANARY} ").repeat(repeat);
        let transcript = format!("{{\"type\":\"result\",\"result\":{answer:?}}}\n");
        let mut recording = store.begin(at, &[]).await.unwrap();
        let written = recording.write(Stdout, transcript.as_bytes()).await;
        written.unwrap();
        let mut end = ended(ExitReason::Completed);
        end.text = Some(answer.clone());
        recording.finish(end).await.unwrap();
        assert!(holding(store.home(), CANARY).len() >= 2, "{at}");

        let key = store.encrypt(&id(at)).await.unwrap().key_id;
        assert_eq!(holding(store.home(), CANARY).len(), 0, "{at}");
        let text = store.decrypted(at, &key).await.unwrap();
        assert!(text == answer.as_bytes(), "{at}");
        let mut printed = Vec::new();
        store
            .decrypt_part(&id(at), &key, Part::Stream, &mut printed)
            .unwrap();
        assert!(printed == transcript.as_bytes(), "{at}");
    }
}

#[tokio::test]
async fn a_result_of_nothing_is_not_encrypted() {
    let store = TestStore::new();
    store.record("run/a", &[], "").await;
    let error = store.encrypt(&id("run/a")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "ref run/a has nothing to encrypt: its agent said nothing"
    );
    drop(store.begin("run/b", &[]).await.unwrap());
    for nothing in ["run/b", "run/c"] {
        let error = store.encrypt(&id(nothing)).await.unwrap_err();
        assert!(matches!(error, RefError::NotFound(_)), "{error}");
    }
    let keys = fs::read_dir(store.layout().keys()).unwrap().count();
    assert_eq!(keys, 0, "a key was made for nothing");
}

#[tokio::test]
async fn what_a_running_agent_quotes_is_encrypted_only_when_it_has_ended() {
    let store = TestStore::new();
    store.record("run/a", &[], CANARY).await;
    let running = store.begin("run/b", &["run/a"]).await.unwrap();
    let error = store.encrypt(&id("run/a")).await.unwrap_err();
    assert!(matches!(error, RefError::Busy { .. }), "{error}");
    assert!(error.to_string().contains("run/b"), "{error}");
    assert!(
        store.text(&id("run/a")).await.is_ok(),
        "nothing was changed"
    );
    running.finish(ended(ExitReason::Completed)).await.unwrap();
    let key = store.encrypt(&id("run/a")).await.unwrap().key_id;
    assert_eq!(holding(store.home(), CANARY).len(), 0);

    let mut prompt = Vec::new();
    store
        .decrypt_part(&id("run/b"), &key, Part::Prompt, &mut prompt)
        .unwrap();
    assert_eq!(prompt, format!("Do it. {CANARY}").as_bytes());
}

#[tokio::test]
async fn a_prompt_that_quotes_two_results_is_sealed_once_and_stays_so() {
    let store = TestStore::new();
    store.record("run/a", &[], CANARY).await;
    store.record("run/b", &[], CANARY).await;
    store.record("run/c", &["run/a", "run/b"], "c").await;
    let a = store.encrypt(&id("run/a")).await.unwrap().key_id;
    store.encrypt(&id("run/b")).await.unwrap();
    assert_eq!(holding(store.home(), CANARY).len(), 0);
    let mut prompt = Vec::new();
    store
        .decrypt_part(&id("run/c"), &a, Part::Prompt, &mut prompt)
        .unwrap();
    assert_eq!(prompt, format!("Do it. {CANARY}{CANARY}").as_bytes());
}

#[tokio::test]
async fn the_files_of_a_folder_are_sealed_with_its_list() {
    let store = TestStore::new();
    let outside = store.dir.path().join("outside");
    fs::create_dir_all(outside.join("below")).unwrap();
    fs::write(outside.join("below/a.txt"), CANARY).unwrap();
    let wrapped = store.wrap(&outside).await.unwrap().id;
    let key = store.encrypt(&wrapped).await.unwrap().key_id;
    assert_eq!(holding(store.home(), CANARY).len(), 0);
    let mut files = Vec::new();
    store
        .decrypt_part(&wrapped, &key, Part::Files, &mut files)
        .unwrap();
    let mut files = tar::Archive::new(files.as_slice());
    let mut found = Vec::new();
    for file in files.entries().unwrap() {
        let mut file = file.unwrap();
        let path = file.path().unwrap().display().to_string();
        found.push((path, io::read_to_string(&mut file).unwrap()));
    }
    let expected = [("below", ""), ("below/a.txt", CANARY)];
    assert_eq!(
        found,
        expected.map(|(path, text)| (path.to_owned(), text.to_owned()))
    );
}

#[tokio::test]
async fn a_reader_that_fails_ends_the_decryption() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::from(io::ErrorKind::StorageFull))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let store = TestStore::new();
    store.record("run/a", &[], "text").await;
    let key = store.encrypt(&id("run/a")).await.unwrap().key_id;
    let failed = store.decrypt(&id("run/a"), &key, &mut Full);
    assert!(matches!(failed, Err(RefError::Io { .. })), "{failed:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_text_comes_back(bytes in prop::collection::vec(any::<u8>(), 1..5000)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let store = TestStore::new();
            store.record("run/a", &[], &bytes).await;
            let key = store.encrypt(&id("run/a")).await.unwrap().key_id;
            assert_eq!(store.decrypted("run/a", &key).await.unwrap(), bytes);
        });
    }
}
