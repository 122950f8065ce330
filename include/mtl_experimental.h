/*
 * libmtl: what still moves. Functions here begin with mtl_x_, are exported as MTL_EXPERIMENTAL and not as MTL_1.0, and may
 * change or go with any version; one that has proved itself moves to mtl.h under a name without the x. The laws of mtl.h
 * hold here too.
 *
 * This file is made from src/capi by `make header`; do not edit it.
 */

#ifndef MTL_EXPERIMENTAL_H
#define MTL_EXPERIMENTAL_H

#include "mtl.h"

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// A view of the CRF of the model's task of this number, for `mtl_crf_viterbi` and `mtl_crf_marginals`; valid as long as the
// model. Where the task decodes under its scheme's constraints, what they forbid is minus infinity in it. The caller sets
// `out_crf->struct_size` before the call. `MTL_ERROR_ARGUMENT`: no such task.
mtl_status mtl_x_model_crf(const mtl_model *model,
                           uint32_t task,
                           mtl_crf *out_crf,
                           mtl_error **out_error);

// The emissions that the model's task of this number has for sentences in `language`: what its CRF decodes, for a decoder
// of your own. Each document of `sentences` was added as words (`mtl_batch_add_tokens*`). `out_emissions` receives
// `[words, labels]` numbers, the sentences one behind the other, and has room for `emissions_room`. A language that the
// task was not trained on is served by the layer that all share. `cancel` may be NULL. Nothing is written on failure.
// `MTL_ERROR_ARGUMENT`, `MTL_ERROR_INPUT` (a word that is empty or not UTF-8), `MTL_ERROR_CANCELLED`,
// `MTL_ERROR_DEADLINE`, `MTL_ERROR_ENGINE`.
mtl_status mtl_x_model_emissions(const mtl_model *model,
                                 uint32_t task,
                                 const char *language,
                                 size_t language_length,
                                 const mtl_batch *sentences,
                                 const mtl_cancel *cancel,
                                 float *out_emissions,
                                 size_t emissions_room,
                                 mtl_error **out_error);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* MTL_EXPERIMENTAL_H */
