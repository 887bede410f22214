/* role.h - the entry points of the processes that the supervisor starts (design.md section 3, decision 3) */
#ifndef ISTHMUS_CMD_ROLE_H
#define ISTHMUS_CMD_ROLE_H

/** role_*_main() - run a role on channel CHANNEL_FD until the supervisor says stop or goes away; the exit status */
int role_translator_main(void);
int role_resolver_main(void);

#endif
