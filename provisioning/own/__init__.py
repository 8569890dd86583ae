"""A machine of the student's or the instructor's own, in the place of a leased one."""
