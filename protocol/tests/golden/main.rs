//! The golden files say what stands on the wire; changing one is a protocol decision.

mod complete;
mod files;
mod packets;
mod types;
mod vectors;
