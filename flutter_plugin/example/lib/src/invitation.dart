import 'package:flutter/material.dart';
import 'package:flutter/services.dart';

/// A card that shows an invitation, or asks for one.
class InvitationCard extends StatefulWidget {
  const InvitationCard({
    required this.title,
    required this.explanation,
    required this.invitation,
    required this.busy,
    required this.makeLabel,
    required this.onMake,
    required this.onJoin,
    super.key,
  });

  final String title;
  final String explanation;

  /// What to give to others; null: nothing was made yet.
  final String? invitation;
  final bool busy;
  final String makeLabel;
  final VoidCallback onMake;
  final void Function(String text) onJoin;

  @override
  State<InvitationCard> createState() => _InvitationCardState();
}

class _InvitationCardState extends State<InvitationCard> {
  final TextEditingController _text = TextEditingController();

  @override
  void dispose() {
    _text.dispose();
    super.dispose();
  }

  @override
  Widget build(BuildContext context) {
    final invitation = widget.invitation;
    final texts = Theme.of(context).textTheme;
    return Card(
      child: Padding(
        padding: const EdgeInsets.all(20),
        child: Column(
          crossAxisAlignment: CrossAxisAlignment.stretch,
          children: [
            Text(widget.title, style: texts.titleLarge),
            const SizedBox(height: 8),
            Text(widget.explanation, style: texts.bodyMedium),
            const SizedBox(height: 16),
            if (invitation != null)
              OutlinedButton.icon(
                onPressed: () => _copy(context, invitation),
                icon: const Icon(Icons.copy),
                label: const Text('Copy the invitation'),
              )
            else
              FilledButton.icon(
                onPressed: widget.busy ? null : widget.onMake,
                icon: const Icon(Icons.add),
                label: Text(widget.makeLabel),
              ),
            const SizedBox(height: 16),
            TextField(
              controller: _text,
              onSubmitted: widget.busy ? null : widget.onJoin,
              decoration: InputDecoration(
                labelText: 'Or paste an invitation here',
                suffixIcon: IconButton(
                  tooltip: 'Join',
                  icon: const Icon(Icons.arrow_forward),
                  onPressed: widget.busy
                      ? null
                      : () => widget.onJoin(_text.text),
                ),
              ),
            ),
            if (widget.busy) ...[
              const SizedBox(height: 16),
              const LinearProgressIndicator(),
            ],
          ],
        ),
      ),
    );
  }

  Future<void> _copy(BuildContext context, String text) async {
    final messenger = ScaffoldMessenger.of(context);
    await Clipboard.setData(ClipboardData(text: text));
    messenger.showSnackBar(
      const SnackBar(content: Text('Give it to the other one, and wait here.')),
    );
  }
}
