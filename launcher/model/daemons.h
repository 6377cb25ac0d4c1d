/* Work done by daemons outside the tree is invisible to the audit: connections to those known to
 * do others' work (containers, build and compiler daemons) become notes of the coverage. */
#ifndef PTWRAP_MODEL_DAEMONS_H
#define PTWRAP_MODEL_DAEMONS_H

struct model;

/* Looks through the network part, once it is whole. */
void daemons_note(struct model *model);

#endif
