/** The program's version, as the CHANGELOG has it. */
export const VERSION = "0.1.0";
