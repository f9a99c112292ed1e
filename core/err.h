/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one error space inside Curia. It never reaches a guest: sbi/ turns it into an SBI error with
 * one total switch (sbi_err_from()).
 */
#ifndef CORE_ERR_H
#define CORE_ERR_H

#define MUST_CHECK __attribute__((warn_unused_result))

enum err {
    ERR_OK = 0,
    ERR_FAILED,        /* no better name */
    ERR_NOT_SUPPORTED, /* this machine or this configuration cannot do it */
    ERR_INVALID,       /* an argument makes no sense */
    ERR_DENIED,        /* the caller has not the right */
    ERR_FAULT,         /* an address that is not the caller's to name */
    ERR_EXISTS,        /* already there, already started */
    ERR_NOT_FOUND,     /* no such object */
    ERR_STATE,         /* not in this state */
    ERR_RANGE,         /* out of range, does not fit */
    ERR_NO_MEMORY,
    ERR_BUSY, /* full now, try again later */
    ERR_TIMEOUT,
    ERR_IO,
};

#endif
