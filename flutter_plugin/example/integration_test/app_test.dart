import 'package:flutter_test/flutter_test.dart';
import 'package:integration_test/integration_test.dart';
import 'package:voile_example/main.dart';
import 'package:voile_example/src/node_model.dart';

// On a device: the node starts, keeps its secret where the device keeps secrets, and
// ends. No network is needed.
void main() {
  IntegrationTestWidgetsFlutterBinding.ensureInitialized();

  testWidgets('the node starts and ends, twice', (tester) async {
    final node = NodeModel();
    await tester.pumpWidget(ExampleApp(node: node));
    for (var i = 0; i < 2; i++) {
      await tester.tap(find.text('Join'));
      for (
        var waited = 0;
        node.phase == NodePhase.starting && waited < 300;
        waited++
      ) {
        await tester.pump(const Duration(milliseconds: 100));
      }
      expect(node.problem, isNull);
      expect(node.phase, NodePhase.running);
      expect((await node.veilid.getVeilidState()).network.started, isNotNull);
      await node.stop();
      await tester.pump(const Duration(milliseconds: 100));
      expect(find.text('Join'), findsOneWidget);
    }
  });
}
