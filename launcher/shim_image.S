/* The shim, embedded: ptwrap is one file to copy. SHIM_IMAGE is the path of the shim's shared
 * object. */
	.section .rodata
	.balign 16
	.globl shim_image
	.globl shim_image_end
	.type shim_image, @object
	.type shim_image_end, @object
shim_image:
	.incbin SHIM_IMAGE
shim_image_end:
	.byte 0
	.size shim_image, shim_image_end - shim_image
	.size shim_image_end, 1
	.section .note.GNU-stack, "", @progbits
