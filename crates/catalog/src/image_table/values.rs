//! Values that many images share, each stored once.

use std::collections::HashMap;
use std::hash::Hash;

/// Distinct values by number.
#[derive(Debug)]
pub struct Values<T> {
    values: Vec<T>,
    numbers: HashMap<T, u32>,
}

impl<T> Default for Values<T> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            numbers: HashMap::new(),
        }
    }
}

impl<T: Clone + Eq + Hash> Values<T> {
    /// The number of a value.
    pub fn number(&mut self, value: &T) -> u32 {
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        let number = self.values.len() as u32;
        self.values.push(value.clone());
        self.numbers.insert(value.clone(), number);
        number
    }

    /// For each value by number, whether it is one that `is_wanted` accepts.
    pub fn marked(&self, is_wanted: impl Fn(&T) -> bool) -> Vec<bool> {
        self.values.iter().map(is_wanted).collect()
    }

    /// The values by number.
    pub fn as_slice(&self) -> &[T] {
        &self.values
    }
}
