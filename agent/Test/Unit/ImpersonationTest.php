<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Unit;

use Magento\Customer\Model\Session;
use Magento\Framework\DataObject;
use MagentoEventBridge\Agent\Capture\CurrentUser;
use MagentoEventBridge\Agent\Capture\ExecutionContext;
use MagentoEventBridge\Agent\Capture\Impersonation;
use MagentoEventBridge\Agent\Gate;
use MagentoEventBridge\Agent\Plugin\RememberImpersonation;
use MagentoEventBridge\Agent\Test\Doubles\Shop;
use PHPUnit\Framework\TestCase;

/**
 * An admin user logs in as a customer: Magento puts the admin's ID into the session after the login.
 */
class ImpersonationTest extends TestCase
{
    /**
     * @var Impersonation
     */
    private $impersonation;

    protected function setUp(): void
    {
        $this->impersonation = new Impersonation();
    }

    public function testTheLoginItselfIsMarked(): void
    {
        $this->authenticate(['customer_id' => '65', 'admin_id' => '7']);

        self::assertSame(7, $this->user(65, null)->impersonatedBy());
    }

    public function testTheFormerCustomersLogoutIsNotMarked(): void
    {
        $this->authenticate(['customer_id' => 65, 'admin_id' => 7]);

        self::assertNull($this->user(64, null)->impersonatedBy());
        self::assertNull($this->user(0, null)->impersonatedBy());
    }

    public function testLaterRequestsAreMarkedBySession(): void
    {
        self::assertSame(7, $this->user(65, 7)->impersonatedBy());
        self::assertNull($this->user(65, null)->impersonatedBy());
    }

    public function testTheNextRequestOfTheProcessIsNotMarked(): void
    {
        $this->authenticate(['customer_id' => 65, 'admin_id' => 7]);
        $this->impersonation->_resetState();

        self::assertNull($this->user(65, null)->impersonatedBy());
    }

    public function testTheLoginGoesOnWhateverMagentoReturns(): void
    {
        $plugin = new RememberImpersonation($this->gate());

        self::assertNull($plugin->afterExecute(new \stdClass(), null));
    }

    private function authenticate(array $data): void
    {
        $result = new DataObject($data);
        $plugin = new RememberImpersonation($this->gate());

        self::assertSame($result, $plugin->afterExecute(new \stdClass(), $result));
    }

    private function gate(): Gate
    {
        return (new Shop())->switchOn()->gateTo([Impersonation::class => $this->impersonation]);
    }

    private function user(int $customerId, ?int $adminId): CurrentUser
    {
        $session = new class ($customerId, $adminId) extends Session {
            private $ids;

            public function __construct(...$ids)
            {
                $this->ids = $ids;
            }

            public function getCustomerId()
            {
                return $this->ids[0];
            }

            public function getData($key)
            {
                return $key === 'logged_as_customer_admind_id' ? $this->ids[1] : null;
            }
        };
        $execution = new class extends ExecutionContext {
            public function __construct()
            {
            }

            public function isShell(): bool
            {
                return false;
            }

            public function getArea(): ?string
            {
                return 'frontend';
            }
        };
        $user = (new \ReflectionClass(CurrentUser::class))->newInstanceWithoutConstructor();
        foreach (['execution' => $execution, 'customerSession' => $session] as $name => $value) {
            $this->set($user, $name, $value);
        }
        $this->set($user, 'impersonation', $this->impersonation);

        return $user;
    }

    private function set(CurrentUser $user, string $name, $value): void
    {
        $property = new \ReflectionProperty(CurrentUser::class, $name);
        $property->setAccessible(true);
        $property->setValue($user, $value);
    }
}
