//! The three questions every indicator answers the same way, written once.

/// Gives a type with the field `value: Option<Output>` its `value`, `is_ready` and `warm_up`.
macro_rules! accessors {
    ($type:ty => $output:ty, |$it:ident| $warm_up:expr) => {
        impl $type {
            /// The last output; `None` during the warm-up and where the last bar left it undefined.
            #[inline]
            #[must_use]
            pub fn value(&self) -> Option<$output> {
                self.value
            }

            /// Whether there is an output.
            #[inline]
            #[must_use]
            pub fn is_ready(&self) -> bool {
                self.value.is_some()
            }

            /// Bars up to and including the first output.
            #[must_use]
            pub fn warm_up(&self) -> usize {
                let $it = self;
                $warm_up
            }
        }
    };
}
pub(crate) use accessors;
