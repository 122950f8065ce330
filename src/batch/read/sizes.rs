//! How many bytes the values of rows take, written out: a dictionary's value counts in each row that has it.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, OffsetSizeTrait, RecordBatch};
use arrow_schema::DataType;

/// The bytes of each row.
pub(super) fn of(batch: &RecordBatch) -> Vec<u64> {
    let mut sizes = vec![0; batch.num_rows()];
    for column in batch.columns() {
        add(column, &mut sizes);
    }
    sizes
}

/// Adds what each row of `array` takes.
fn add(array: &ArrayRef, sizes: &mut [u64]) {
    match array.data_type() {
        DataType::Utf8 => add_ranges(array.as_string::<i32>().value_offsets(), sizes),
        DataType::LargeUtf8 => add_ranges(array.as_string::<i64>().value_offsets(), sizes),
        DataType::Binary => add_ranges(array.as_binary::<i32>().value_offsets(), sizes),
        DataType::LargeBinary => add_ranges(array.as_binary::<i64>().value_offsets(), sizes),
        DataType::Utf8View => add_each(array.as_string_view().lengths().map(u64::from), sizes),
        DataType::BinaryView => add_each(array.as_binary_view().lengths().map(u64::from), sizes),
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            if !dictionary.values().is_empty() {
                let values = each(dictionary.values());
                add_each(dictionary.normalized_keys().into_iter().map(|key| values[key]), sizes);
            }
        }
        DataType::List(_) => add_items(array.as_list::<i32>().value_offsets(), array.as_list::<i32>().values(), sizes),
        DataType::LargeList(_) => {
            add_items(array.as_list::<i64>().value_offsets(), array.as_list::<i64>().values(), sizes);
        }
        DataType::Map(_, _) => {
            let entries: ArrayRef = std::sync::Arc::new(array.as_map().entries().clone());
            add_items(array.as_map().value_offsets(), &entries, sizes);
        }
        DataType::FixedSizeList(_, length) => {
            let length = usize::try_from(*length).unwrap_or(0).max(1);
            let items = each(array.as_fixed_size_list().values());
            add_each(items.chunks(length).map(|row| row.iter().sum()), sizes);
        }
        DataType::Struct(_) => array.as_struct().columns().iter().for_each(|column| add(column, sizes)),
        DataType::FixedSizeBinary(width) => add_each(std::iter::repeat(u64::try_from(*width).unwrap_or(0)), sizes),
        other => add_each(std::iter::repeat(other.primitive_width().unwrap_or(1) as u64), sizes),
    }
}

/// The bytes of each row of `array`.
fn each(array: &ArrayRef) -> Vec<u64> {
    let mut sizes = vec![0; array.len()];
    add(array, &mut sizes);
    sizes
}

fn add_each(more: impl Iterator<Item = u64>, sizes: &mut [u64]) {
    sizes.iter_mut().zip(more).for_each(|(size, more)| *size += more);
}

/// Adds the lengths of ranges of bytes.
fn add_ranges<O: OffsetSizeTrait>(offsets: &[O], sizes: &mut [u64]) {
    add_each(offsets.windows(2).map(|range| (range[1] - range[0]).as_usize() as u64), sizes);
}

/// Adds the bytes of lists of items.
fn add_items<O: OffsetSizeTrait>(offsets: &[O], items: &ArrayRef, sizes: &mut [u64]) {
    let (Some(first), Some(last)) = (offsets.first(), offsets.last()) else { return };
    let items = each(&items.slice(first.as_usize(), last.as_usize() - first.as_usize()));
    let mut rest = items.iter();
    add_each(offsets.windows(2).map(|range| rest.by_ref().take((range[1] - range[0]).as_usize()).sum()), sizes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::types::Int32Type;
    use arrow_array::{
        DictionaryArray, FixedSizeListArray, Int16Array, ListArray, StringArray, StringViewArray, StructArray,
    };
    use arrow_schema::{Field, Fields};
    use std::sync::Arc;

    fn strings() -> ArrayRef {
        Arc::new(StringArray::from(vec![Some("abc"), None, Some(""), Some("\u{e9}de")]))
    }

    #[test]
    fn strings_and_numbers() {
        assert_eq!(each(&strings()), [3, 0, 0, 4]);
        assert_eq!(each(&strings().slice(2, 2)), [0, 4]);
        let long = "x".repeat(40);
        assert_eq!(each(&(Arc::new(StringViewArray::from(vec!["ab", &long])) as ArrayRef)), [2, 40]);
        assert_eq!(each(&(Arc::new(Int16Array::from(vec![1, 2])) as ArrayRef)), [2, 2]);
    }

    #[test]
    fn a_value_of_a_dictionary_counts_in_each_row() {
        let array: DictionaryArray<Int32Type> = ["abc", "d", "abc"].into_iter().collect();
        assert_eq!(each(&(Arc::new(array) as ArrayRef)), [3, 1, 3]);
        let array: DictionaryArray<Int32Type> = [None::<&str>, None].into_iter().collect();
        assert_eq!(each(&(Arc::new(array) as ArrayRef)), [0, 0]);
    }

    #[test]
    fn what_is_nested_counts_with_all_its_parts() {
        let item = Arc::new(Field::new("item", DataType::Utf8, true));
        let offsets = arrow_buffer::OffsetBuffer::from_lengths([2, 0, 2]);
        let lists: ArrayRef = Arc::new(ListArray::new(Arc::clone(&item), offsets, strings(), None));
        assert_eq!(each(&lists), [3, 0, 4]);
        assert_eq!(each(&lists.slice(1, 2)), [0, 4]);
        let pairs: ArrayRef = Arc::new(FixedSizeListArray::new(item, 2, strings(), None));
        assert_eq!(each(&pairs), [3, 4]);
        let fields = Fields::from(vec![Field::new("a", DataType::Utf8, true), Field::new("b", DataType::Int16, true)]);
        let numbers = Arc::new(Int16Array::from(vec![1, 2, 3, 4]));
        let both: ArrayRef = Arc::new(StructArray::new(fields, vec![strings(), numbers], None));
        assert_eq!(each(&both), [5, 2, 2, 6]);
    }
}
