<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Unit;

use Magento\Framework\DataObject;
use Magento\Framework\Exception\LocalizedException;
use Magento\Framework\Message\ManagerInterface;
use Magento\Customer\Model\Session;
use MagentoEventBridge\Agent\Plugin\CaptureRefusedCustomer;
use MagentoEventBridge\Agent\Snapshot\Customer;
use MagentoEventBridge\Agent\Snapshot\NewCustomer;
use MagentoEventBridge\Agent\Test\Doubles\CustomerModel;
use MagentoEventBridge\Agent\Test\Doubles\Shop;
use MagentoEventBridge\Agent\Watcher\ObservedEvents;
use MagentoEventBridge\Agent\Watcher\RefusedCustomer;
use MagentoEventBridge\Agent\Watcher\SignUp;
use PHPUnit\Framework\TestCase;

class SignUpTest extends TestCase
{
    /**
     * @var Shop
     */
    private $shop;

    /**
     * @var CaptureRefusedCustomer
     */
    private $plugin;

    protected function setUp(): void
    {
        $this->shop = (new Shop())->switchOn();
        $this->shop->state->area = 'webapi_rest';
        $signUps = new SignUp(
            new NewCustomer(new Customer()),
            $this->shop->states,
            $this->shop->execution,
            $this->shop->recorder
        );
        $this->shop->watchers['customer_save_before'] = $signUps;
        $this->shop->watchers['customer_save_after'] = $signUps;
        $messages = $this->createMock(ManagerInterface::class);
        $refused = new RefusedCustomer(
            $messages,
            new Session(),
            $this->shop->execution,
            $this->shop->recorder,
            new ObservedEvents($this->shop->observers)
        );
        $gate = $this->shop->gateTo([RefusedCustomer::class => $refused, SignUp::class => $signUps]);
        $this->plugin = new CaptureRefusedCustomer($gate);
    }

    public function testACustomerThatAModuleSavesIsSignedUpOnceAndWithoutSecrets(): void
    {
        $customer = $this->customer(['rp_token' => 'x']);
        $this->save($customer);
        $this->save($customer);
        $written = $this->shop->database->written();

        self::assertSame(['customer_save_after'], array_column($written, 'event'));
        self::assertTrue($written[0]['is_new']);
        self::assertSame(['customer/5', 2], [$written[0]['subject'], $written[0]['store_id']]);
        self::assertSame('2026-11-27 10:00:00', $written[0]['snapshot']['created_at']);
        self::assertStringNotContainsString('rp_token', json_encode($written[0]));
    }

    public function testAnObserverThatSavesTheNewCustomerAgainSignsUpOnce(): void
    {
        $customer = $this->customer();
        $this->shop->observer = function (CustomerModel $customer): void {
            $this->save($customer);
        };
        $this->save($customer);

        self::assertCount(1, $this->shop->database->written());
    }

    public function testACustomerThatIsSavedInTheAdminIsNotSent(): void
    {
        $this->shop->state->area = 'adminhtml';
        $this->save($this->customer());

        self::assertSame([], $this->shop->database->written());
    }

    public function testACustomerWithoutAStoreViewFollowsTheCurrentOne(): void
    {
        $this->save($this->customer(['store_id' => 0]));

        self::assertSame([3], array_column($this->shop->database->written(), 'store_id'));
    }

    public function testAnAccountIsSignedUpWhileItIsCreated(): void
    {
        $this->create(function (): void {
            $this->save($this->customer());
            self::assertCount(1, $this->shop->database->written());
        }, []);

        self::assertSame([], $this->shop->database->written());
    }

    /**
     * Magento saves the customer, then the addresses, and deletes the customer when it refuses one of these.
     */
    public function testAnAccountWhoseAddressIsRefusedIsNotSignedUp(): void
    {
        $this->create(function (): void {
            $this->save($this->customer());
            unset($this->shop->database->things['customer_entity'][5]);
            throw new LocalizedException('The address is wrong.');
        }, ['address']);
        $written = $this->shop->database->written();

        self::assertSame(['plugin:customer_account.create'], array_column($written, 'event'));
        self::assertSame(['The address is wrong.'], $written[0]['snapshot']['messages']);
    }

    public function testAnAccountThatMagentoKeepsIsSignedUpAndRefused(): void
    {
        $this->create(function (): void {
            $this->save($this->customer());
            throw new LocalizedException('The letter could not be sent.');
        }, ['address']);

        self::assertSame(
            ['customer_save_after', 'plugin:customer_account.create'],
            array_column($this->shop->database->written(), 'event')
        );
    }

    public function testAnAccountWithAddressesIsSignedUpWhenItIsSavedAgain(): void
    {
        $customer = $this->customer();
        $this->create(function () use ($customer): void {
            $this->save($customer);
            self::assertSame([], $this->shop->database->written());
            $this->save($customer);
            self::assertCount(1, $this->shop->database->written());
        }, ['address']);

        self::assertSame([], $this->shop->database->written());
    }

    /**
     * Creates an account as Magento does: one method calls the other.
     */
    private function create(callable $do, array $addresses): void
    {
        $data = new DataObject(['email' => 'a@example.com', 'addresses' => $addresses]);
        try {
            $this->plugin->aroundCreateAccount(null, function () use ($do, $data): void {
                $this->plugin->aroundCreateAccountWithPasswordHash(null, $do, $data, 'hash');
            }, $data, 'secret');
        } catch (LocalizedException $exception) {
            return;
        }
    }

    private function customer(array $more = []): CustomerModel
    {
        return new CustomerModel($this->shop->database, $more + ['email' => 'a@example.com', 'store_id' => 2]);
    }

    private function save(CustomerModel $customer): void
    {
        $this->shop->database->things['customer_entity'][5] = ['created_at' => '2026-11-27 10:00:00'];
        $this->shop->save($customer, 'customer', 'customer', 'customer_entity');
    }
}
