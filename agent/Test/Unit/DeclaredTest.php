<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Unit;

use Magento\Framework\Api\CustomAttributesDataInterface;
use Magento\Framework\DataObject;
use Magento\Framework\Event;
use MagentoEventBridge\Agent\Declared\DeclaredEvents;
use MagentoEventBridge\Agent\Declared\FieldPaths;
use MagentoEventBridge\Agent\Declared\SecretNames;
use MagentoEventBridge\Agent\State\StoredRow;
use MagentoEventBridge\Agent\Test\Doubles\Shop;
use MagentoEventBridge\Agent\Test\Doubles\StoredModel;
use PHPUnit\Framework\TestCase;

class DeclaredTest extends TestCase
{
    private const DECLARED = [
        'object' => 'product',
        'save' => 'any',
        'subject' => 'product',
        'changed' => [],
        'paths' => ['sku', 'price'],
    ];

    /**
     * @var Shop
     */
    private $shop;

    protected function setUp(): void
    {
        $this->shop = new Shop();
    }

    public function testAnOwnEventIsCapturedOnceInATransactionWithItsLastState(): void
    {
        $product = $this->declareAndLoad([]);
        $this->shop->database->begin();
        $this->save($product->setData('price', 11));
        $this->save($product->setData('price', 12));
        $this->shop->database->commit();

        $written = $this->shop->database->written();
        self::assertCount(1, $written);
        self::assertSame(['PriceChanged', 'product/7'], [$written[0]['declared'], $written[0]['subject']]);
        self::assertSame(['sku' => 'A', 'price' => 12], $written[0]['paths']);
        self::assertSame([], $written[0]['snapshot']);
    }

    public function testARolledBackTransactionCapturesNothing(): void
    {
        $product = $this->declareAndLoad([]);
        $this->shop->database->begin();
        $this->save($product);
        $this->shop->database->rollBack();

        self::assertSame([], $this->shop->database->written());
    }

    public function testOnlyAChangeOfADeclaredColumnIsCaptured(): void
    {
        $product = $this->declareAndLoad(['changed' => ['price']]);
        $this->save($product->setData('name', 'other'));
        $this->save($product->setData('price', '10.0000'));
        self::assertSame([], $this->shop->database->written());

        $this->save($product->setData('price', 11));
        $this->save($product->setData('name', 'another'));
        $this->save($product->setData('price', 12));
        self::assertSame(
            [['price' => 10], ['price' => 11]],
            array_column($this->shop->database->written(), 'original')
        );
    }

    public function testAChangeThatIsTakenBackInItsTransactionIsNotCaptured(): void
    {
        $product = $this->declareAndLoad(['changed' => ['price']]);
        $this->shop->database->begin();
        $this->save($product->setData('price', 11));
        $this->save($product->setData('price', 10));
        $this->shop->database->commit();

        self::assertSame([], $this->shop->database->written());
    }

    public function testCreatedAndUpdatedAreSentApart(): void
    {
        $new = new StoredModel($this->shop->database, 'product', ['entity_id' => 8, 'sku' => 'B']);
        $loaded = $this->declareAndLoad(['save' => 'created']);
        $this->save($new);
        $this->save($loaded);
        $written = $this->shop->database->written();
        self::assertSame(['product/8'], array_column($written, 'subject'));
        self::assertTrue($written[0]['is_new']);
    }

    public function testAnObjectThatIsSavedWithoutBeingLoadedIsComparedWithItsRow(): void
    {
        $this->declareAndLoad(['changed' => ['price'], 'save' => 'updated']);
        $this->shop->declarations->before = ['product_save_before' => ['PriceChanged' => self::DECLARED]];
        $this->shop->database->things['product'][7] = ['entity_id' => 7, 'price' => '10.0000'];
        $same = new StoredModel($this->shop->database, 'product', ['entity_id' => 7, 'price' => 10]);
        $other = new StoredModel($this->shop->database, 'product', ['entity_id' => 7, 'price' => 11]);
        foreach ([$same, $other] as $product) {
            $this->events()->on('product_save_before', new Event('product_save_before', ['product' => $product]));
            $this->save($product);
        }

        $written = $this->shop->database->written();
        self::assertSame([['price' => '10.0000']], array_column($written, 'original'));
        self::assertFalse($written[0]['is_new']);
    }

    public function testAnEventThatIsSwitchedOffIsNotCaptured(): void
    {
        $product = $this->declareAndLoad([]);
        $this->shop->declarations->off = ['PriceChanged'];
        $this->save($product);

        self::assertSame([], $this->shop->database->written());
    }

    public function testAnEventWithoutModelIsCapturedAsItIs(): void
    {
        $declared = array_replace(self::DECLARED, ['object' => '', 'subject' => '', 'paths' => ['points.left']]);
        $this->shop->declarations->events = ['used' => ['PointsUsed' => $declared]];
        $this->events()->on('used', new Event('used', ['points' => ['left' => 3]]));

        $written = $this->shop->database->written();
        self::assertSame([null, ['points.left' => 3]], [$written[0]['subject'], $written[0]['paths']]);
    }

    /**
     * @dataProvider paths
     */
    public function testAPathLeadsOverModelsArraysAttributesAndItems(string $path, array $expected): void
    {
        $attributes = new class {
            public function getStockItem(): DataObject
            {
                return new DataObject(['is_in_stock' => true]);
            }

            public function getWithArgument(string $argument): string
            {
                return $argument;
            }

            public function getBroken(): string
            {
                throw new \LogicException('another module fails');
            }
        };
        $order = new DataObject([
            'total' => '10.5',
            'coupon' => null,
            'extension_attributes' => $attributes,
            'payment' => new DataObject(['method' => 'checkmo', 'cc_number' => '4111', 'x' => new DataObject()]),
            'items' => [
                new DataObject(['sku' => 'A', 'options' => [['label' => 'S'], ['label' => 'M']]]),
                new DataObject(['sku' => 'B', 'options' => []]),
            ],
            'big' => str_repeat('x', 70000),
            'nested' => ['a' => ['password' => 'p', 'b' => 1]],
            'infinite' => INF,
            'many' => array_fill(0, 200, array_fill(0, 200, 1)),
            'customer' => $this->withCustomAttribute('loyalty_level', 'gold'),
        ]);
        $order->setData('itself', $order);

        $values = (new FieldPaths(new SecretNames(), $this->shop->log))->of($order, [$path]);
        self::assertSame($expected, $values);
    }

    public function paths(): array
    {
        return [
            'a value' => ['total', ['total' => '10.5']],
            'null' => ['coupon', ['coupon' => null]],
            'beyond null' => ['coupon.code', ['coupon.code' => null]],
            'nowhere' => ['no.such', []],
            'a model' => ['payment.method', ['payment.method' => 'checkmo']],
            'a secret' => ['payment.cc_number', []],
            'a wildcard without secrets' => ['payment.*', ['payment.*' => ['method' => 'checkmo']]],
            'an extension attribute' => [
                'extension_attributes.stock_item.is_in_stock',
                ['extension_attributes.stock_item.is_in_stock' => true],
            ],
            'a getter that needs an argument' => ['extension_attributes.with_argument', []],
            'items' => ['items[].sku', ['items[].sku' => ['A', 'B']]],
            'items of items' => ['items[].options[].label', ['items[].options[].label' => ['S', 'M']]],
            'infinite' => ['infinite', ['infinite' => null]],
            'no list' => ['total[].sku', ['total[].sku' => null]],
            'too long' => ['big', ['big' => null]],
            'a getter that fails' => ['extension_attributes.broken', ['extension_attributes.broken' => null]],
            'too many members' => ['many', ['many' => null]],
            'a custom attribute by its code' => ['customer.loyalty_level', ['customer.loyalty_level' => 'gold']],
            'a custom attribute' => [
                'customer.custom_attributes.loyalty_level',
                ['customer.custom_attributes.loyalty_level' => 'gold'],
            ],
            'custom attributes' => [
                'customer.custom_attributes.*',
                ['customer.custom_attributes.*' => ['loyalty_level' => 'gold']],
            ],
            'around a circle' => ['itself.itself.total', ['itself.itself.total' => '10.5']],
            'an array without secrets' => ['nested', ['nested' => ['a' => ['b' => 1]]]],
        ];
    }

    public function testAPathThatFailsIsReportedOnceAndTheOthersAreRead(): void
    {
        $broken = new class {
            public function getBroken(): string
            {
                throw new \LogicException('another module fails');
            }
        };
        $paths = new FieldPaths(new SecretNames(), $this->shop->log);
        $root = new DataObject(['a' => $broken, 'sku' => 'A']);
        $paths->of($root, ['a.broken', 'sku']);

        self::assertSame(['a.broken' => null, 'sku' => 'A'], $paths->of($root, ['a.broken', 'sku']));
        self::assertCount(1, $this->shop->log->lines);
        self::assertStringContainsString('another module fails', $this->shop->log->lines[0]);
    }

    public function testAMissingObjectIsReportedOnceWithTheNamesThatThereAre(): void
    {
        $this->shop->declarations->events = [
            'product_save_after' => ['PriceChanged' => ['object' => 'item'] + self::DECLARED],
        ];
        $event = new Event('product_save_after', ['product' => new DataObject(), 'data_object' => null]);
        $events = $this->events();
        try {
            $events->on('product_save_after', $event);
            self::fail('the fence logs it');
        } catch (\UnexpectedValueException $exception) {
            self::assertStringContainsString("no object 'item'; it has: product, data_object", $exception->getMessage());
        }
        $events->on('product_save_after', $event);

        self::assertSame([], $this->shop->database->written());
    }

    public function testAnOwnEventThatFailsDoesNotCostTheOthers(): void
    {
        $this->shop->declarations->events = [
            'product_save_after' => [
                'Broken' => ['changed' => null] + self::DECLARED,
                'PriceChanged' => self::DECLARED,
            ],
        ];
        $product = new StoredModel($this->shop->database, 'product', ['entity_id' => 7, 'sku' => 'A', 'price' => 10]);
        try {
            $this->save($product->setOrigData());
            self::fail('the fence logs the failure');
        } catch (\TypeError $failure) {
            $this->shop->database->commit();
        }

        self::assertSame(['PriceChanged'], array_column($this->shop->database->written(), 'declared'));
    }

    private function withCustomAttribute(string $code, string $value): CustomAttributesDataInterface
    {
        return new class ($code, $value) implements CustomAttributesDataInterface {
            private $attribute;

            public function __construct(string $code, string $value)
            {
                $this->attribute = new DataObject(['attribute_code' => $code, 'value' => $value]);
            }

            public function getCustomAttribute($code)
            {
                return $code === $this->attribute->getAttributeCode() ? $this->attribute : null;
            }

            public function getCustomAttributes()
            {
                return [$this->attribute];
            }

            public function setCustomAttribute($code, $value)
            {
                return $this;
            }

            public function setCustomAttributes(array $attributes)
            {
                return $this;
            }
        };
    }

    private function declareAndLoad(array $declared): StoredModel
    {
        $this->shop->declarations->events = [
            'product_save_after' => ['PriceChanged' => array_replace(self::DECLARED, $declared)],
        ];
        $product = new StoredModel($this->shop->database, 'product', ['entity_id' => 7, 'sku' => 'A', 'price' => 10]);

        return $product->setOrigData();
    }

    private function save(StoredModel $product): void
    {
        $this->shop->database->begin();
        $this->events()->on('product_save_after', new Event('product_save_after', ['product' => $product]));
        $this->shop->database->commit();
    }

    private function events(): DeclaredEvents
    {
        return new DeclaredEvents(
            $this->shop->declarations,
            new FieldPaths(new SecretNames(), $this->shop->log),
            $this->shop->states,
            $this->shop->execution,
            new StoredRow(),
            $this->shop->recorder,
            $this->shop->buffer
        );
    }
}
