//! Rows and columns.

use comfy_table::{Table, presets};

/// A table without lines, as wide as it needs to be.
pub(crate) fn table<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header.map(str::to_uppercase));
    for row in rows {
        table.add_row(row.map(|cell| super::printable(&cell)));
    }
    let lines: Vec<String> = table.lines().collect();
    // All alike: a heading without words must not take the place of the next.
    let margin = lines
        .iter()
        .map(|line| line.len() - line.trim_start_matches(' ').len());
    let margin = margin.min().unwrap_or_default();
    let lines = lines
        .iter()
        .map(|line| line.get(margin..).unwrap_or_default().trim_end());
    lines.collect::<Vec<_>>().join("\n")
}

/// `1.5 KiB`
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    #[expect(clippy::cast_precision_loss, reason = "it is shown with one decimal")]
    let mut amount = bytes as f64;
    let mut units = UNITS.iter();
    let mut unit = units.next().unwrap_or(&"B");
    while amount >= 1024.0 {
        let Some(next) = units.next() else { break };
        amount /= 1024.0;
        unit = next;
    }
    if *unit == "B" {
        format!("{bytes} B")
    } else {
        format!("{amount:.1} {unit}")
    }
}

/// `0.12s`, `3m05s`
pub(crate) fn seconds(seconds: f64) -> String {
    if seconds < 60.0 {
        format!("{seconds:.2}s")
    } else {
        format!("{:.0}m{:02.0}s", (seconds / 60.0).floor(), seconds % 60.0)
    }
}
