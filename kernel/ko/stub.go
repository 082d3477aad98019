package ko

const builtinKey = "kobench.builtin"
