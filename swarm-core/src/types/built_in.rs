//! The types that are there without any file.

/// Name and text, by name.
pub(super) const BUILT_IN: [(&str, &str); 4] = [
    (
        "analysis-report",
        include_str!("built_in/analysis-report.md"),
    ),
    ("code-review", include_str!("built_in/code-review.md")),
    ("research-notes", include_str!("built_in/research-notes.md")),
    (
        "structured-json",
        include_str!("built_in/structured-json.md"),
    ),
];
