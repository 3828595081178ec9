//! The choice of a precision by measuring.

use std::path::Path;

use eidetic_domain::Precision;
use eidetic_encoder::Encoder;
use eidetic_hub::ModelRef;
use eidetic_inference::{Engine, LoadOptions, PrecisionChoice, load_encoder, load_fastest};

fn choose(model: &ModelRef) -> (Box<dyn Encoder>, PrecisionChoice) {
    let (encoder, choice) = load_fastest(model, &LoadOptions::default(), &()).expect("the model loads");
    (encoder, choice.expect("the CPU has a choice"))
}

fn golden(name: &str) -> ModelRef {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/golden");
    ModelRef::Directory(data.join(name))
}

#[test]
fn builtin_model_may_be_int8() {
    let (encoder, choice) = choose(&ModelRef::Builtin);
    assert_eq!(choice.compared, Precision::Int8);
    assert!((0.99..1.0).contains(&choice.similarity), "{choice:?}");
    // How fast it is depends on the machine, and on what else runs there.
    assert_eq!(
        choice.precision == Precision::Int8,
        choice.speed >= 1.1,
        "{choice:?}"
    );
    let options = LoadOptions::default().with_precision(choice.precision);
    let expected = load_encoder(&ModelRef::Builtin, &options, &()).expect("the model loads");
    let embed = |encoder: &dyn Encoder| encoder.encode_texts(&["a dog"]).expect("a text");
    assert_eq!(
        embed(encoder.as_ref()),
        embed(expected.as_ref()),
        "the encoder has the precision of the choice"
    );
}

#[test]
fn imprecise_int8_is_never_chosen() {
    for name in ["families/mobile-clip", "families/mobile-clip-folded"] {
        let (_, choice) = choose(&golden(name));
        // Where bf16 is fast, it is compared after int8 has failed.
        match choice.compared {
            Precision::Int8 => assert!(choice.similarity < 0.99, "{name}: {choice:?}"),
            compared => assert_eq!(compared, Precision::Bf16, "{name}"),
        }
        assert_ne!(choice.precision, Precision::Int8, "{name}: {choice:?}");
    }
}

#[test]
fn other_engines_have_no_choice() {
    let options = LoadOptions {
        engine: Engine::Candle,
        ..LoadOptions::default()
    };
    let (_, choice) = load_fastest(&ModelRef::Builtin, &options, &()).expect("the model loads");
    assert_eq!(choice, None);
}
