/** A process that does nothing: the unit in which the bench counts. */
export {};
