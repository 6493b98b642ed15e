/** No pointer that hovers: fingers neither drop files nor press keys. */
export const touch = matchMedia("(hover: none)").matches;
