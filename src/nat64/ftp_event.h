/* ftp_event.h - what the gateway for FTP counts */
#ifndef ISTHMUS_NAT64_FTP_EVENT_H
#define ISTHMUS_NAT64_FTP_EVENT_H

enum ftp_event {
	FTP_DID_EPSV,	       /* EPSV became PASV */
	FTP_DID_EPRT,	       /* EPRT became PORT */
	FTP_DID_227,	       /* 227 became 229 */
	FTP_DID_ANSWER,	       /* a command was answered by us; NOOP went */
	FTP_DID_REFUSE_TELNET, /* a Telnet option was refused */
	FTP_DID_FAIL_227,      /* a reply to PASV had no usable address */
	FTP_DID_FAIL_NOOP,     /* a NOOP of ours was not answered with 200 */
	FTP_DID_NO_PORT,       /* EPRT: there is no binding to be had */
	FTP_DID_AUTH,	       /* the server takes AUTH: transparent from here */
	FTP_DID_NOT_FTP,       /* what the client sends is no command: transparent from here */
	FTP_DID_OVERRUN,       /* too many commands wait for replies: transparent from here */
	FTP_EVENT_COUNT
};

#endif
