/* SPDX-License-Identifier: Apache-2.0 */
/* Red-black trees (Cormen, Leiserson, Rivest, Stein, chapter 13). Bit 0 of the parent word: 1 is black. */
#include "lib.h"
#include <linux/rbtree.h>

#define BLACK 1UL

static bool is_black(const struct rb_node *n)
{
	return !n || (n->__rb_parent_color & BLACK);
}

static void set_black(struct rb_node *n, bool black)
{
	n->__rb_parent_color = (n->__rb_parent_color & ~BLACK) | (black ? BLACK : 0);
}

static void set_parent(struct rb_node *n, struct rb_node *parent)
{
	n->__rb_parent_color = (unsigned long)parent | (n->__rb_parent_color & BLACK);
}

/* The link that points to n. */
static struct rb_node **link_of(struct rb_node *n, struct rb_root *root)
{
	struct rb_node *parent = rb_parent(n);

	if (!parent)
		return &root->rb_node;
	return parent->rb_left == n ? &parent->rb_left : &parent->rb_right;
}

static struct rb_node **child(struct rb_node *n, bool right)
{
	return right ? &n->rb_right : &n->rb_left;
}

/* n goes down to that side, its child of the other side comes up. */
static void rotate(struct rb_node *n, bool right, struct rb_root *root)
{
	struct rb_node *up = *child(n, !right), *inner = *child(up, right);

	*link_of(n, root) = up;
	set_parent(up, rb_parent(n));
	*child(n, !right) = inner;
	if (inner)
		set_parent(inner, n);
	*child(up, right) = n;
	set_parent(n, up);
}

void rb_insert_color(struct rb_node *node, struct rb_root *root)
{
	struct rb_node *parent;

	set_black(node, false);
	while ((parent = rb_parent(node)) && !is_black(parent)) {
		struct rb_node *grand = rb_parent(parent);
		bool right = parent == grand->rb_right;
		struct rb_node *uncle = *child(grand, !right);

		if (!is_black(uncle)) {
			set_black(parent, true);
			set_black(uncle, true);
			set_black(grand, false);
			node = grand;
			continue;
		}
		if (node == *child(parent, !right)) {
			rotate(parent, right, root);
			swap(node, parent);
		}
		set_black(parent, true);
		set_black(grand, false);
		rotate(grand, !right, root);
	}
	set_black(root->rb_node, true);
}

/* The subtree node (maybe empty) below parent lacks one black. */
static void refill(struct rb_node *parent, struct rb_node *node, struct rb_root *root)
{
	while (parent && is_black(node)) {
		/* An empty side is the short one: the other has a black more, so it is not empty. */
		bool right = node == parent->rb_right && (node || parent->rb_left);
		struct rb_node *sibling = *child(parent, !right);

		if (!is_black(sibling)) {
			set_black(sibling, true);
			set_black(parent, false);
			rotate(parent, right, root);
			sibling = *child(parent, !right);
		}
		if (is_black(sibling->rb_left) && is_black(sibling->rb_right)) {
			set_black(sibling, false);
			node = parent;
			parent = rb_parent(node);
			continue;
		}
		if (is_black(*child(sibling, !right))) {
			set_black(*child(sibling, right), true);
			set_black(sibling, false);
			rotate(sibling, !right, root);
			sibling = *child(parent, !right);
		}
		set_black(sibling, is_black(parent));
		set_black(parent, true);
		set_black(*child(sibling, !right), true);
		rotate(parent, right, root);
		return;
	}
	if (node)
		set_black(node, true);
}

void rb_replace_node(struct rb_node *victim, struct rb_node *new, struct rb_root *root)
{
	*link_of(victim, root) = new;
	*new = *victim;
	if (new->rb_left)
		set_parent(new->rb_left, new);
	if (new->rb_right)
		set_parent(new->rb_right, new);
}

void rb_erase(struct rb_node *node, struct rb_root *root)
{
	struct rb_node *only, *parent;
	bool black;

	if (node->rb_left && node->rb_right) {
		struct rb_node *next = rb_next(node);

		/* next has no left child: it leaves its place and takes node's. */
		only = next->rb_right;
		black = is_black(next);
		parent = rb_parent(next);
		*link_of(next, root) = only;
		if (only)
			set_parent(only, parent);
		if (parent == node)
			parent = next;
		rb_replace_node(node, next, root);
	} else {
		only = node->rb_left ? node->rb_left : node->rb_right;
		black = is_black(node);
		parent = rb_parent(node);
		*link_of(node, root) = only;
		if (only)
			set_parent(only, parent);
	}
	if (black)
		refill(parent, only, root);
}

static struct rb_node *far(struct rb_node *n, bool right)
{
	while (n && *child(n, right))
		n = *child(n, right);
	return n;
}

static struct rb_node *neighbour(const struct rb_node *node, bool right)
{
	struct rb_node *n = (struct rb_node *)node, *parent;

	if (RB_EMPTY_NODE(n))
		return NULL;
	if (*child(n, right))
		return far(*child(n, right), !right);
	while ((parent = rb_parent(n)) && n == *child(parent, right))
		n = parent;
	return parent;
}

struct rb_node *rb_next(const struct rb_node *node)
{
	return neighbour(node, true);
}

struct rb_node *rb_prev(const struct rb_node *node)
{
	return neighbour(node, false);
}

struct rb_node *rb_first(const struct rb_root *root)
{
	return far(root->rb_node, false);
}

struct rb_node *rb_last(const struct rb_root *root)
{
	return far(root->rb_node, true);
}
