//! How a table of weights is written into a router's file: only the dimensions in use, in sixteen bits each.
//!
//! What never happens here: a silent repair. A file with the wrong shape is refused.

use serde::{Deserialize, Serialize};

use crate::logistic::DIMENSIONS;
use crate::prehoc::Prehoc;

/// Dimensions in use (as steps from one to the next) and, for each column, integers with a common scale.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PackedPrehoc {
    steps: Vec<u32>,
    columns: Vec<Column>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Column {
    scale: f32,
    values: Vec<i16>,
}

/// The file's table does not have the shape of this build's features.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the router's table has {found} values where {expected} are due")]
pub(crate) struct WrongShape {
    found: usize,
    expected: usize,
}

impl From<Prehoc> for PackedPrehoc {
    #[allow(clippy::cast_possible_truncation)]
    fn from(model: Prehoc) -> Self {
        let width = model.arms + 1;
        let used: Vec<(usize, &[f32])> =
            model.table.chunks_exact(width).enumerate().filter(|(_, row)| row.iter().any(|v| *v != 0.0)).collect();
        let mut last = 0;
        let steps = used.iter().map(|(dimension, _)| {
            let step = dimension - last;
            last = *dimension;
            step as u32
        });
        let steps = steps.collect();
        let columns = (0..width).map(|column| {
            let values = || used.iter().filter_map(move |(_, row)| row.get(column).copied());
            let scale = values().fold(0.0, |most: f32, v| most.max(v.abs())) / f32::from(i16::MAX);
            let scale = if scale > 0.0 { scale } else { 1.0 };
            Column { scale, values: values().map(|v| (v / scale).round() as i16).collect() }
        });
        Self { steps, columns: columns.collect() }
    }
}

impl TryFrom<PackedPrehoc> for Prehoc {
    type Error = WrongShape;

    fn try_from(packed: PackedPrehoc) -> Result<Self, WrongShape> {
        let (expected, width) = (packed.steps.len(), packed.columns.len());
        if expected == 0 {
            return Ok(Self::default());
        }
        let mut table = vec![0.0; DIMENSIONS * width];
        for (place, column) in packed.columns.iter().enumerate() {
            if column.values.len() != expected {
                return Err(WrongShape { found: column.values.len(), expected });
            }
            let mut dimension = 0;
            for (step, value) in packed.steps.iter().zip(&column.values) {
                dimension += *step as usize;
                let cell = table.get_mut(dimension * width + place);
                *cell.ok_or(WrongShape { found: dimension, expected: DIMENSIONS })? = f32::from(*value) * column.scale;
            }
        }
        Ok(Self { arms: width.saturating_sub(1), table })
    }
}
