//! Contrast of the pages' colours, by the formula of WCAG 2.2 (1.4.3): at least 4.5 to 1 for text of any size.

const STYLE: &str = include_str!("../../templates/pages/style.css");

/// `--name: #rrggbb` of each `:root` block, in order: light, dark, print.
fn palettes() -> Vec<Vec<(String, [f64; 3])>> {
    STYLE
        .split(":root {")
        .skip(1)
        .map(|block| {
            let block = block.split('}').next().unwrap_or_default();
            block
                .split(';')
                .filter_map(|line| {
                    let (name, colour) = line.trim().strip_prefix("--")?.split_once(": #")?;
                    let part = |at: usize| u8::from_str_radix(&colour[at..at + 2], 16).ok().map(f64::from);
                    Some((name.to_owned(), [part(0)?, part(2)?, part(4)?]))
                })
                .collect()
        })
        .collect()
}

fn luminance(colour: [f64; 3]) -> f64 {
    let linear = colour.map(|part| {
        let part = part / 255.0;
        if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    });
    0.2126f64.mul_add(linear[0], 0.7152f64.mul_add(linear[1], 0.0722 * linear[2]))
}

fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn every_colour_of_text_stands_out_from_what_is_behind_it() {
    let palettes = palettes();
    assert_eq!(palettes.len(), 3, "light, dark, print");
    for palette in palettes {
        let of = |name: &str| palette.iter().find(|(it, _)| it == name).expect("a colour").1;
        for text in ["ink", "soft", "good", "bad", "wait", "link"] {
            for behind in ["paper", "card"] {
                let got = contrast(of(text), of(behind));
                assert!(got >= 4.5, "{text} on {behind}: {got:.2}");
            }
        }
    }
}

#[test]
fn the_formula_is_the_standards() {
    assert!((contrast([0.0; 3], [255.0; 3]) - 21.0).abs() < 1e-9);
    assert!((contrast([119.0; 3], [255.0; 3]) - 4.48).abs() < 0.01, "#777777 on white just fails");
}
