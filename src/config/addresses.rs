//! `addresses` of a `[[component]]`: where its hops answer on a traced path.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::names::shorten;
use super::reader::Reader;
use super::section::Section;
use super::values::{Refusal, refusal};
use crate::estate::{NoPrefix, Prefix};

const HELP: &str = "write addresses = [\"10.20.0.1\", \"10.20.0.2/31\"]";

/// Blocks that components have already. No two of them overlap, so each address is found by its neighbours.
#[derive(Debug, Default)]
pub(super) struct Taken(BTreeMap<IpAddr, Block>);

#[derive(Debug)]
struct Block {
    last: IpAddr,
    prefix: Prefix,
    component: String,
}

impl Taken {
    /// Reads the key. A block that another component has, in whole or in part, is an error: a hop has one name.
    pub fn addresses(
        &mut self,
        reader: &mut Reader<'_>,
        section: &Section<'_>,
        component: Option<&str>,
    ) -> Vec<Prefix> {
        let mut found = Vec::new();
        for text in section.texts(reader, "addresses").unwrap_or_default() {
            let Some(block) = reader.judge("addresses", text, prefix) else { continue };
            let (first, last) = block.value.ends();
            let below = self.0.range(..=last).next_back().filter(|(_, other)| other.last >= first);
            if let Some((_, other)) = below {
                let message = format!(
                    "{} is taken: {} is an address of {:?}",
                    block.value,
                    other.prefix,
                    shorten(&other.component)
                );
                reader.refuse(block.span, message, "name each address once: a hop of a path has one name");
                continue;
            }
            let component = component.unwrap_or_default().to_owned();
            self.0.insert(first, Block { last, prefix: block.value, component });
            found.push(block.value);
        }
        found
    }
}

fn prefix(text: &str) -> Result<Prefix, Refusal> {
    match text.parse() {
        Ok(prefix) => Ok(prefix),
        Err(NoPrefix::NotTheFirst(block)) => refusal(
            format!("{:?} has bits beyond its prefix", shorten(text)),
            format!("write \"{block}\" for the whole block, or the address alone"),
        ),
        Err(NoPrefix::Malformed) => {
            refusal(format!("{:?} is neither an address nor a block of addresses", shorten(text)), HELP)
        }
    }
}
