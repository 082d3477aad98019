/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _GENERATED_UTSRELEASE_H
#define _GENERATED_UTSRELEASE_H

#define UTS_RELEASE "6.1.0-kobench"

#endif /* _GENERATED_UTSRELEASE_H */
