/* The C ABI, where pkg-config finds it. */
#include <mtl.h>
