/** What every run of a script pays for: a process of the runtime that does nothing. */
