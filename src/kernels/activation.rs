//! sigmoid, tanh and SeLU: branch-free, so that loops over them vectorise; within 1e-6 of the exact value.

use super::Kernel;
use super::simd::fused;
use pulp::{Simd, WithSimd};

/// exp(x), to a relative 3e-7 for x in -87..=88 and clamped there outside. NaN stays NaN.
#[inline(always)]
fn exp<S: Simd>(x: f32) -> f32 {
    // ln 2 in two parts, so that what is left of x is exact.
    const HIGH: f32 = 0.693_359_4;
    const LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.0, 88.0);
    power::<S>(x, |n| fused::<S>(n, -LOW, fused::<S>(n, -HIGH, x)))
}

/// exp(-rate x), `rate` 1 or 2, clamped where a sigmoid or tanh is 0 or 1 within 3e-13: a product of three is finite. NaN stays NaN.
#[inline(always)]
pub(crate) fn decay<S: Simd>(x: f32, rate: f32) -> f32 {
    let x = -(x.clamp(-29.0 / rate, 29.0 / rate) * rate);
    // With so small an n, one part of ln 2 does, where the product is not rounded.
    const LN_2: f32 = std::f32::consts::LN_2;
    if S::IS_SCALAR { exp::<S>(x) } else { power::<S>(x, |n| fused::<S>(n, -LN_2, x)) }
}

/// exp(x) = 2^n exp(r), where `rest` gives r = x - n ln 2, |r| <= ln 2 / 2.
#[inline(always)]
fn power<S: Simd>(x: f32, rest: impl Fn(f32) -> f32) -> f32 {
    // Adding 1.5 * 2^23 rounds to an integer, which then stands in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let shifted = fused::<S>(x, std::f32::consts::LOG2_E, ROUND);
    let r = rest(shifted - ROUND);
    // The polynomial 1 + r + .. of the fifth degree whose greatest relative error is least, 1.05e-7.
    let mut sum = 0.008_312_489;
    for coefficient in [0.041_890_156, 0.166_671_15, 0.499_992_3, 1.0, 1.0] {
        sum = fused::<S>(sum, r, coefficient);
    }
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(1.0f32.to_bits()));
    sum * power
}

/// 1 / (1 + exp(-x)).
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(x: f32) -> f32 {
    1.0 / (1.0 + exp::<S>(-x))
}

/// tanh(x).
#[inline(always)]
pub(crate) fn tanh<S: Simd>(x: f32) -> f32 {
    1.0 - 2.0 / (1.0 + exp::<S>(2.0 * x))
}

/// The self-normalising linear unit (Klambauer 2017).
#[inline(always)]
pub(crate) fn selu<S: Simd>(x: f32) -> f32 {
    const SCALE: f32 = 1.050_701;
    const ALPHA: f32 = 1.673_263_2;
    let negative = ALPHA * (exp::<S>(x) - 1.0);
    SCALE * if x > 0.0 { x } else { negative }
}

/// max(0, x).
#[inline(always)]
pub(crate) fn relu(x: f32) -> f32 {
    if x > 0.0 { x } else { 0.0 }
}

/// Which function [`apply`] applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// 1 / (1 + exp(-x)).
    Sigmoid,
    /// tanh(x).
    Tanh,
    /// The self-normalising linear unit.
    Selu,
    /// max(0, x).
    Relu,
}

/// Applies `function` to each value with `kernel`.
pub fn apply(kernel: Kernel, function: Function, values: &mut [f32]) {
    kernel.dispatch(Apply { function, values });
}

struct Apply<'a> {
    function: Function,
    values: &'a mut [f32],
}

impl WithSimd for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        match self.function {
            Function::Sigmoid => self.values.iter_mut().for_each(|value| *value = sigmoid::<S>(*value)),
            Function::Tanh => self.values.iter_mut().for_each(|value| *value = tanh::<S>(*value)),
            Function::Selu => self.values.iter_mut().for_each(|value| *value = selu::<S>(*value)),
            Function::Relu => self.values.iter_mut().for_each(|value| *value = relu(*value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::simd::on_each_kernel;

    /// The largest absolute error over every 97th float, subnormals, the ends and infinities included.
    fn worst(function: Function, limit: f32, exact: impl Fn(f64) -> f64) -> f64 {
        let positive = (0..f32::INFINITY.to_bits()).step_by(997).chain([f32::INFINITY.to_bits(), f32::MAX.to_bits()]);
        let inputs: Vec<f32> = positive.map(f32::from_bits).flat_map(|x| [x, -x]).filter(|x| *x <= limit).collect();
        let mut outputs = inputs.clone();
        apply(Kernel::best(), function, &mut outputs);
        let error = |(&x, &y): (&f32, &f32)| {
            let error = (f64::from(y) - exact(f64::from(x))).abs();
            if error.is_nan() { f64::INFINITY } else { error }
        };
        inputs.iter().zip(&outputs).map(error).fold(0.0, f64::max)
    }

    #[test]
    fn activations_are_accurate_over_the_whole_range() {
        on_each_kernel(|| {
            let sigmoid = worst(Function::Sigmoid, f32::INFINITY, |x| 1.0 / (1.0 + (-x).exp()));
            let tanh = worst(Function::Tanh, f32::INFINITY, f64::tanh);
            let exact =
                |x: f64| 1.050_700_987_355_480_5 * if x > 0.0 { x } else { 1.673_263_242_354_377_2 * x.exp_m1() };
            let selu = worst(Function::Selu, 10.0, exact);
            println!("largest errors: sigmoid {sigmoid:.1e}, tanh {tanh:.1e}, selu {selu:.1e}");
            assert!(sigmoid < 3e-7 && tanh < 3e-7 && selu < 1.5e-6);
        });
    }

    #[test]
    fn edges() {
        on_each_kernel(|| {
            let mut values = [f32::NEG_INFINITY, f32::INFINITY, 0.0];
            apply(Kernel::best(), Function::Tanh, &mut values);
            assert_eq!(values, [-1.0, 1.0, 0.0]);
            let mut values = [f32::NAN; 4];
            for function in [Function::Sigmoid, Function::Tanh, Function::Selu] {
                apply(Kernel::best(), function, &mut values);
                assert!(values.iter().all(|value| value.is_nan()));
            }
        });
    }

    /// A row's tail is computed by other instructions than its body: the values must be the same.
    #[test]
    fn values_do_not_depend_on_their_place() {
        on_each_kernel(|| {
            for function in [Function::Sigmoid, Function::Tanh, Function::Selu] {
                for length in 1..70 {
                    let mut together = vec![0.37; length];
                    apply(Kernel::best(), function, &mut together);
                    let mut alone = [0.37];
                    apply(Kernel::best(), function, &mut alone);
                    assert!(together.iter().all(|value| *value == alone[0]));
                }
            }
        });
    }
}
