use super::super::catalogue_file::CATALOGUE_BYTES_MAX;
use super::super::{load_export, load_signing, load_stored, reload_everything};
use super::{Case, case};

const LIST: &str = r#"[{"code": 11200, "message": "HTTP retrieval failure"}, {"code": 30007, "message": "Filtered"}]"#;

/// A good configuration whose catalogue is `list`.
fn with(list: &str) -> Case {
    let case = case("error_catalogue: DIR/codes.json\n");
    case.write("codes.json", list);
    case
}

#[test]
fn the_catalogue_is_read_by_whoever_names_codes() {
    let case = with(LIST);
    assert_eq!(case.loaded().catalogue.expect("read").len(), 2);
    assert_eq!(load_stored(&case.sources).expect("good").catalogue.len(), 2);
    assert_eq!(load_export(&case.sources).expect("good").catalogue.len(), 2);
    let none = super::case("error_catalogue: null");
    assert!(none.loaded().catalogue.expect("the built-in one").is_empty());
}

#[test]
fn a_broken_catalogue_is_named_with_its_entry() {
    let fault = with(r#"[{"code": 11200, "message": "a"}, {"code": 30007}]"#).fault();
    assert!(
        fault.starts_with("error_catalogue: ")
            && fault.ends_with("codes.json entry 2 (code 30007): missing field `message`"),
        "{fault}"
    );
    let missing = case("error_catalogue: DIR/missing.json").fault();
    assert!(missing.contains("missing.json cannot be read: No such file"), "{missing}");
    let case = with("{}");
    assert!(load_stored(&case.sources).is_err() && load_export(&case.sources).is_err());
    load_signing(&case.sources).expect("`send` and `verify` name no code");
}

/// A list of codes is worth less than everything else that a reload brings.
#[test]
fn on_a_reload_a_broken_catalogue_is_a_warning() {
    let reloaded = reload_everything(&with("[").sources).expect("no fault");
    assert!(reloaded.catalogue.is_none());
    assert_eq!(reloaded.warnings.len(), 1, "{:?}", reloaded.warnings);
    assert!(reloaded.warnings[0].contains("codes.json") && reloaded.warnings[0].ends_with("stays in force"));
}

#[test]
fn a_catalogue_has_a_largest_size() {
    let max = usize::try_from(CATALOGUE_BYTES_MAX).expect("fits");
    assert_eq!(with(&format!("{LIST}{}", " ".repeat(max - LIST.len()))).loaded().catalogue.expect("read").len(), 2);
    let fault = with(&format!("{LIST}{}", " ".repeat(max + 1 - LIST.len()))).fault();
    assert!(fault.contains("is longer than 16777216 bytes"), "{fault}");
}
